"""What is to be known of a benchmark's files: recordings that pretraining has seen, and what is odd about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor

from codaar_core.api import Batch, CodaarError, Split


class FilteredSplit(Split):
    """A split without some of its clips."""

    def __init__(self, split: Split, kept: Sequence[int]) -> None:
        self.split = split
        self.kept = kept

    def __len__(self) -> int:
        return len(self.kept)

    def __getitem__(self, indices: Sequence[int]) -> Batch:
        """Read the clips at ``indices`` of those kept."""
        return self.split[[self.kept[index] for index in indices]]

    @property
    def ids(self) -> Sequence[str] | None:
        """Names of those kept."""
        names = self.split.ids
        return None if names is None else [names[index] for index in self.kept]

    def given(self, indices: Sequence[int]) -> Tensor | None:
        """What heads are given besides codes."""
        return self.split.given([self.kept[index] for index in indices])


class Seen(NamedTuple):
    """How many clips of a role were seen in pretraining."""

    benchmark: str
    role: str
    modality: str
    clips: int
    seen: int


class SeenClips:
    """Compares the names of recordings with those of pretraining.

    Args:
        pretrained: Names of the pretraining clips; None where they have none.
        drop: Whether clips seen are left out.

    Attributes:
        found: What was counted, in order; nothing where either side has no names.
        notes: What is odd about the files of benchmarks and of pretraining, a line each.
    """

    def __init__(self, pretrained: Sequence[str] | None, drop: bool) -> None:
        self.names = frozenset(pretrained or ())
        self.drop = drop
        self.found: list[Seen] = []
        self.notes: list[str] = []

    def record_warnings(self, split: Split, benchmark: str, role: str, modality: str) -> None:
        """Take down what is odd about the files of a split."""
        self.notes += [f"{benchmark}, {role}, {modality}: {note}" for note in split.notes]

    def checked(self, split: Split, benchmark: str, role: str, modality: str) -> Split:
        """Count the clips of ``split`` that were seen; gives the split to go on with.

        Raises:
            CodaarError: No clip is left.
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
        """For results.json."""
        return [{**seen._asdict(), "dropped": self.drop} for seen in self.found]
