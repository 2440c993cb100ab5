"""Fewer launches for a training step: parts compiled by torch, or a whole step recorded as a CUDA graph."""
