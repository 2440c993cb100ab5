"""Extractors whose weights Python packages bring along: pictures and films, and sound; nothing else is downloaded."""
