"""H-DCID: two levels of codes, the second one from the private features of the first."""
