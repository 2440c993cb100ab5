"""The index of known plug-ins: who provides a name that is not installed, and how the index is maintained."""
