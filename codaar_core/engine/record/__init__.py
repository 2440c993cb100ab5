"""What a run leaves on disk: directory, checkpoints, journal, lock; and how a run is resumed."""
