"""Zero-shot retrieval between text and pictures (MSCOCO) or sounds (Clotho)."""
