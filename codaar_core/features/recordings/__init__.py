"""Pictures and sound of recordings by presentation time."""
