"""Checkpoints of the released CoDAAR code: read into a run directory, and written back."""
