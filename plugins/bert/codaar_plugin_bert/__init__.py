"""Text as BERT word-piece vectors: an encoder and a decoder."""
