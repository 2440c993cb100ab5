"""Readers of downloaded files: arrays, annotation tables, recordings."""
