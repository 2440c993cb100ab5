"""Data of a run: what there is, packing, extraction."""
