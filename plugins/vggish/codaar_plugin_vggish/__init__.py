"""Audio as VGGish embeddings: an encoder and a decoder."""
