"""The index of known plug-ins: which plug-in provides a component that is not installed; maintenance of the index."""
