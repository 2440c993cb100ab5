"""Text as BERT word-piece vectors: an extractor, an encoder and a decoder."""
