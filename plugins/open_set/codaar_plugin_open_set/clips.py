"""Splits of a classification benchmark with known classes only, or with all unknown classes as one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from codaar_core.api import Batch, DataError, Split
from codaar_core.features import SplitSubset

CHUNK = 100  # clips read at once to learn their labels


class OpenSetClips(SplitSubset):
    """Some clips of a split; the label of every unknown class is the number of known classes.

    Args:
        split: The split, with class indices as targets.
        kept: Indices of the clips.
        known: Number of known classes.
    """

    def __init__(self, split: Split, kept: Sequence[int], known: int) -> None:
        super().__init__(split, kept)
        self.known = known

    def __getitem__(self, indices: Sequence[int]) -> Batch:
        """Read the clips at ``indices``, in that order."""
        batch = super().__getitem__(indices)
        return batch._replace(targets={m: target.clamp(max=self.known) for m, target in batch.targets.items()})


def labels_of(split: Split, modality: str) -> Tensor:
    """Read the class indices (N,) of all clips of a split; features are read and discarded.

    Raises:
        DataError: The targets are not one class index per clip.
    """
    starts = range(0, len(split), CHUNK)
    parts = [split[range(start, min(start + CHUNK, len(split)))].targets[modality] for start in starts]
    labels = torch.cat(parts) if parts else torch.zeros(0, dtype=torch.int64)
    if labels.dim() != 1 or labels.is_floating_point() or labels.dtype == torch.bool:
        raise DataError(
            f"targets are {labels.dtype} {tuple(labels.shape)}, not one class index per clip",
            "open-set needs a benchmark with one label per clip",
        )
    return labels


def held_out(kept: Sequence[int], share: float, seed: int = 0) -> tuple[list[int], list[int]]:
    """Divide indices at random, always in the same way: those that remain, and ``share`` of them, at least one."""
    order = torch.randperm(len(kept), generator=torch.Generator().manual_seed(seed)).tolist()
    count = max(1, round(share * len(kept)))
    return sorted(kept[i] for i in order[count:]), sorted(kept[i] for i in order[:count])
