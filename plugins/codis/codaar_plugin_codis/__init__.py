"""CODIS: one modality predicts the prototypes to which another is assigned."""
