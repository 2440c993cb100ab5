"""CPC: the past of one modality predicts the future of all."""
