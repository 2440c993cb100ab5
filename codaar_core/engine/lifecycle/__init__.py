"""The beginning and the end of a run or evaluation: where it starts, its hooks, and its status."""
