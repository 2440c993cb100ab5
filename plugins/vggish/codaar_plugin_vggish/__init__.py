"""Audio as VGGish embeddings: an extractor, an encoder and a decoder."""
