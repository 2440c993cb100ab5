"""Captioned, spoken pictures: the stamps of Tux Paint as data."""
