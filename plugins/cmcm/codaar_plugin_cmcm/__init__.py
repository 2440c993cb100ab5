"""CMCM: the same clip should use the same codewords in every modality."""
