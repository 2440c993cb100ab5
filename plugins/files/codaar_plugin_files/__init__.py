"""Your own feature files as data, and four benchmarks on labels of your own tables."""
