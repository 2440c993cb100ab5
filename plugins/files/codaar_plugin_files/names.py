"""Names of clips in collections of arrays: several arrays of one clip are numbered, ``ID#0``, ``ID#1``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

NUMBER = "#"  # before the number of an array, e.g. of one of several captions


def by_clip(names: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Names of the arrays of each clip, in the order of their numbers."""
    found: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        clip, number = clip_and_number(name)
        found.setdefault(clip, []).append((number, name))
    return {clip: tuple(name for _, name in sorted(numbered)) for clip, numbered in found.items()}


def clip_and_number(name: str) -> tuple[str, int]:
    """Clip and number of an array; 0 without a number."""
    clip, mark, number = name.rpartition(NUMBER)
    if mark and clip and number.isascii() and number.isdecimal():
        return clip, int(number)
    return name, 0
