"""MICU: a jigsaw of pieces of codes of all modalities."""
