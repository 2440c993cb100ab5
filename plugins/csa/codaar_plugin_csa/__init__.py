"""CSA: codebooks are replaced by their mean, one modality after another."""
