"""From a checked plan to objects: the model, the benchmarks and their splits."""
