"""Pretraining: the loop, the codebook update, checkpoints and the checks of each step."""
