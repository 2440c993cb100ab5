"""What the benchmarks of Cross-Modal Generalization share: heads, metrics, and predictors that ignore the input."""
