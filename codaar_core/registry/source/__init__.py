"""What can be known of a component from its source file, without importing it."""
