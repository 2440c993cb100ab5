"""The files of a run: run directory, checkpoints, journal and lock; and resuming a run."""
