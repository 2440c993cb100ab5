"""Where a run computes: device, processes, memory, signals."""
