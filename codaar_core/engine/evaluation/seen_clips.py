"""Finds benchmark clips whose recordings were used in pretraining, and collects tolerated defects of data files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor

from codaar_core.api import Batch, CodaarError, Split


class FilteredSplit(Split):
    """A subset of a split.

    Args:
        split: The split.
        kept: Indices of the clips that remain.
    """

    def __init__(self, split: Split, kept: Sequence[int]) -> None:
        self.split = split
        self.kept = kept

    def __len__(self) -> int:
        return len(self.kept)

    def __getitem__(self, indices: Sequence[int]) -> Batch:
        """Read remaining clips; ``indices`` count the remaining clips only."""
        return self.split[[self.kept[index] for index in indices]]

    @property
    def ids(self) -> Sequence[str] | None:
        """Names of the remaining clips."""
        names = self.split.ids
        return None if names is None else [names[index] for index in self.kept]

    def given(self, indices: Sequence[int]) -> Tensor | None:
        """Additional input of heads for the remaining clips; see ``Split.given``."""
        return self.split.given([self.kept[index] for index in indices])


class Seen(NamedTuple):
    """Number of clips of one split, and of those seen in pretraining."""

    benchmark: str
    role: str
    modality: str
    clips: int
    seen: int


class SeenClips:
    """Compares the recordings of benchmark clips with those of pretraining, by name.

    Args:
        pretrained: Names of the pretraining clips; None if they have no names.
        drop: Whether to leave out clips seen in pretraining.

    Attributes:
        found: Counts of each split compared, in order; splits without names are not compared.
        notes: Tolerated defects of data files, one line each.
    """

    def __init__(self, pretrained: Sequence[str] | None, drop: bool) -> None:
        self.names = frozenset(pretrained or ())
        self.drop = drop
        self.found: list[Seen] = []
        self.notes: list[str] = []

    def record_warnings(self, split: Split, benchmark: str, role: str, modality: str) -> None:
        """Add the tolerated file defects of a split to ``notes``."""
        self.notes += [f"{benchmark}, {role}, {modality}: {note}" for note in split.notes]

    def filtered(self, split: Split, benchmark: str, role: str, modality: str) -> Split:
        """Count the clips of ``split`` that were seen in pretraining.

        Returns:
            The split, without these clips if they are to be dropped.

        Raises:
            CodaarError: All clips would be dropped.
        """
        if not self.names or split.ids is None:
            return split
        kept = [index for index, name in enumerate(split.ids) if name not in self.names]
        count = Seen(benchmark, role, modality, len(split), len(split) - len(kept))
        if count not in self.found:
            self.found.append(count)
        if not self.drop or len(kept) == len(split):
            return split
        if not kept:
            raise CodaarError(
                f"every clip of {benchmark}, {role}, {modality} was seen in pretraining",
                'pretrain on other clips, or set evaluate.seen = "keep"',
            )
        return FilteredSplit(split, kept)

    def record(self) -> list[dict[str, Any]]:
        """Return the counts as entries of results.json."""
        return [{**seen._asdict(), "dropped": self.drop} for seen in self.found]
