"""Builds the objects of a checked plan: the model, the benchmarks and their splits."""
