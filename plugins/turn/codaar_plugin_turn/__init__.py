"""TURN: masked steps of one modality are restored from another's codes."""
