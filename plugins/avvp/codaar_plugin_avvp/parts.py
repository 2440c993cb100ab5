"""Parts of the recordings, determined by the id, so that no recording is in two parts in any modality."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

HALVES = {"train": (0, 1, 2, 3), "validation": (4,), "test": (5, 6, 7, 8, 9)}
"""Tenths: one half is for testing; of the other half, one fifth selects the epoch."""

FIFTH_HELD_OUT = {"train": (0, 1, 2, 3, 5, 6, 7, 8), "validation": (4, 9)}
"""Tenths: one fifth selects the epoch; test recordings come from another data set."""


def part(ids: Iterable[str], tenths: tuple[int, ...]) -> list[str]:
    """The ids whose checksum is in ``tenths``, in their order."""
    return [id for id in ids if crc32(id.encode()) % 10 in tenths]
