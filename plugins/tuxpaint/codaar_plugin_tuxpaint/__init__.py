"""Captioned, spoken pictures: the stamps of Tux Paint as data, and extractors whose weights come as Python packages."""
