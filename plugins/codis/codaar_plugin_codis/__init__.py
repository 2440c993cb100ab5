"""CODIS: one modality predicts the prototypes that another is assigned."""
