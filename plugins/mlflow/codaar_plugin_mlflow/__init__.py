"""Logs a run to MLflow: losses, codebook use, scores, settings and the report."""
