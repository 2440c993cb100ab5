"""TURN: masked steps of one modality are reconstructed from the codes of another."""
