"""The verbs, one file each: ``verb`` is the command."""
