"""Shared parts of the benchmarks of Cross-Modal Generalization: heads, metrics, settings and baselines."""
