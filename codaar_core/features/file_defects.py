"""Defects of files that a reader tolerates: counted in one line, listed in full."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import attrs


@attrs.frozen
class FileDefect:
    """One defect of a file."""

    what: str  # its kind, e.g. "malformed row": defects of one kind are counted together
    where: str  # file and line, or file
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}{self.detail and f' ({self.detail})'}"


@attrs.frozen
class FileDefects:
    """Defects in the order in which they were found."""

    each: tuple[FileDefect, ...] = ()

    def __add__(self, other: FileDefects) -> FileDefects:
        return FileDefects((*self.each, *other.each))

    def __len__(self) -> int:
        return len(self.each)

    def __iter__(self) -> Iterator[FileDefect]:
        return iter(self.each)

    @property
    def counts(self) -> dict[str, int]:
        """Number of defects by kind."""
        return dict(Counter(defect.what for defect in self.each))

    @property
    def summary(self) -> str:
        """Counts in one line, e.g. ``2 x malformed row, 46 x repeated id``; empty without defects."""
        return ", ".join(f"{count:,} x {what}" for what, count in self.counts.items())


NOTHING = FileDefects()
