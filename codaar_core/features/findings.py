"""What a reader noticed in files and went on: counted in one line, listed in full."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import attrs


@attrs.frozen
class Finding:
    """One thing that is not as it should be."""

    what: str  # its sort, e.g. "malformed row": findings of one sort are counted together
    where: str  # file and line, or file
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}{self.detail and f' ({self.detail})'}"


@attrs.frozen
class Findings:
    """Findings in the order in which they were made."""

    each: tuple[Finding, ...] = ()

    def __add__(self, other: Findings) -> Findings:
        return Findings((*self.each, *other.each))

    def __len__(self) -> int:
        return len(self.each)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.each)

    @property
    def counts(self) -> dict[str, int]:
        """How many there are of each sort."""
        return dict(Counter(finding.what for finding in self.each))

    @property
    def summary(self) -> str:
        """One line, e.g. ``2 x malformed row, 46 x repeated id``; empty where there is nothing."""
        return ", ".join(f"{count:,} x {what}" for what, count in self.counts.items())


NOTHING = Findings()
