"""The ranks during one training step, in which each of them has a known number of clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from codaar_core.api import CodaarError, Ranks, not_compiled


def clip_range(clips: int, rank: int, size: int) -> tuple[int, int]:
    """Return the first clip of a batch that belongs to a rank, and the first one that no longer does."""
    return clips * rank // size, clips * (rank + 1) // size


def clips_by_rank(clips: int, size: int) -> list[int]:
    """Return how many clips of a batch each rank has."""
    ranges = (clip_range(clips, rank, size) for rank in range(size))
    return [end - start for start, end in ranges]


class BatchRanks:
    """Several ranks that share one batch.

    A rank without a clip computes with a masked placeholder, so that it takes part in every exchange. Gathered tensors
    contain nothing of the placeholder: several ranks gather exactly the clips of one process.

    Args:
        ranks: The processes of the run.
        clips: Clips of each rank.
    """

    def __init__(self, ranks: Ranks, clips: Sequence[int]) -> None:
        self.rank, self.size = ranks.rank, ranks.size
        self._ranks = ranks
        self._start, self._own, self._total = sum(clips[: self.rank]), clips[self.rank], sum(clips)

    @not_compiled
    def sum(self, value: Tensor) -> Tensor:
        """Return the sum over all ranks; its gradient is the sum of the ranks' gradients."""
        return self._ranks.sum(value)

    @not_compiled
    def gather(self, value: Tensor) -> Tensor:
        """Return all ranks' tensors concatenated on the first axis, without those of a rank that has no clip."""
        return self._ranks.gather(value if self._own else value[:0])

    @not_compiled
    def exchange(self, rows: Tensor, sums: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows of all clips, from which every rank must compute the same, and sums over all ranks.

        One exchange, none backwards: sums have no gradient.

        Args:
            rows: One row per clip of this rank, (B, N).
            sums: Numbers (S,) of the same type.

        Raises:
            CodaarError: There are more or fewer rows than clips.
        """
        if len(rows) != max(self._own, 1):
            raise CodaarError(
                f"{len(rows)} rows are to be exchanged for {max(self._own, 1)} clips",
                "give one row per clip (B, ...), e.g. (B, T, D) and not (B * T, D)",
            )
        return _RowsOfAllClips.apply(rows, sums, self)

    def spread(self, value: Tensor) -> Tensor:
        """Return (clips of all ranks, ...): zeros, except for this rank's rows."""
        spread = value.new_zeros(self._total, *value.shape[1:])
        spread[self._start : self._start + self._own] = value[: self._own]
        return spread

    def own_rows(self, value: Tensor) -> Tensor:
        """Return this rank's rows of (clips of all ranks, ...); one row of zeros for its placeholder."""
        return value[self._start : self._start + self._own] if self._own else value.new_zeros(1, *value.shape[1:])


class _RowsOfAllClips(torch.autograd.Function):
    """Gathers rows; where all ranks have the same loss, the gradients of the ranks add up to ``size`` times one."""

    @staticmethod
    def forward(context: Any, rows: Tensor, sums: Tensor, ranks: BatchRanks) -> tuple[Tensor, Tensor]:
        context.ranks = ranks
        spread = ranks.spread(rows)
        of_all, total = ranks.sum(torch.cat([spread.flatten(), sums])).split([spread.numel(), len(sums)])
        context.mark_non_differentiable(total)
        return of_all.view_as(spread), total

    @staticmethod
    def backward(context: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor, None, None]:
        return context.ranks.own_rows(gradient) * context.ranks.size, None, None
