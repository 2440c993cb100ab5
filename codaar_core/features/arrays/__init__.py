"""Arrays of many clips by name: a folder, the files of a pattern, or one file with all clips."""
