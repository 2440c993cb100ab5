"""Transfer evaluation: frozen codes, heads trained on one modality, scored on another."""
