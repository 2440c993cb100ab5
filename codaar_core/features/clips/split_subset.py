"""Some clips of a split."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from codaar_core.api import Batch, Preview, Split


class SplitSubset(Split):
    """A subset of a split.

    Args:
        split: The split.
        kept: Indices of the clips that remain, in their new order.
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

    @property
    def notes(self) -> Sequence[str]:
        """Tolerated file defects of the whole split."""
        return self.split.notes

    @property
    def reads_files(self) -> bool:
        """As for the whole split."""
        return self.split.reads_files

    def given(self, indices: Sequence[int]) -> Tensor | None:
        """Additional input of heads for the remaining clips; see ``Split.given``."""
        return self.split.given([self.kept[index] for index in indices])

    def preview(self, index: int, modality: str, step: int) -> Preview | None:
        """A look at a remaining clip; see ``Split.preview``."""
        return self.split.preview(self.kept[index], modality, step)
