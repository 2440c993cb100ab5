"""Facts about a component that are read from its source file, without importing it."""
