"""From a tree of values to checked settings; every problem is reported with its place."""
