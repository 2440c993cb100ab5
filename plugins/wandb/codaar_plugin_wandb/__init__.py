"""Logs a run to Weights & Biases: losses, codebook use, scores, settings and the report."""
