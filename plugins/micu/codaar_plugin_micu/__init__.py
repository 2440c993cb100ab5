"""MICU: pieces of codes of all modalities fit together."""
