"""Pretraining: the loop, the codebook update, and what guards a step."""
