"""InfoNCE: what belongs together must be nearer than what does not."""
