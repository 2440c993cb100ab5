"""TOML files with the position of every value."""
