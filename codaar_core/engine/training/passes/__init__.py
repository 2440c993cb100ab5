"""Passes of clips through the model: those of a training step, in micro-batches."""
