"""Transfer evaluation: heads trained on the frozen codes of one modality are scored on those of another."""
