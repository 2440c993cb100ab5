"""Splits of clips that are read file by file, and what is checked and repaired in each clip."""
