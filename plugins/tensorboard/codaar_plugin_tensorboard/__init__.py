"""Logs a run to TensorBoard: losses, codebook use, scores and settings."""
