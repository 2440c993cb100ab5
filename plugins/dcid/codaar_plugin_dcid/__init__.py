"""DCID: codes and private features must not tell of each other."""
