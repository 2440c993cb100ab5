"""Assigns the clips of a split to steps and ranks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import attrs
import torch

from codaar_core.api import Batch, CodaarError, Features, Ranks, Split
from codaar_core.engine.devices.batch_ranks import BatchRanks, clip_range, clips_by_rank
from codaar_core.engine.devices.runtime import generator_of


@attrs.frozen
class BatchSchedule:
    """Divides a split into batches, in a new order every epoch. The order depends on the seed and the epoch only.

    Attributes:
        clips: Number of clips of the split.
        batch: Clips of a batch, over all ranks.
        steps: Steps of an epoch.
    """

    clips: int
    batch: int
    steps: int

    @classmethod
    def of(cls, clips: int, batch: int) -> BatchSchedule:
        """Make the schedule of a split; the last batch of an epoch may be smaller.

        Raises:
            CodaarError: The split has no clips.
        """
        if clips == 0:
            raise CodaarError("the pretraining split is empty")
        return cls(clips, batch, math.ceil(clips / batch))

    def batches(self, seed: int, epoch: int, done: int) -> Iterator[tuple[int, list[int]]]:
        """Yield the step number (from 0, over the whole run) and the clip indices of each step of an epoch.

        Args:
            seed: Seed of the run.
            epoch: Number of the epoch, from 0.
            done: Steps of the run already done, which are left out.
        """
        order = torch.randperm(self.clips, generator=generator_of(seed, "order", epoch)).tolist()
        for position in range(self.steps):
            step = epoch * self.steps + position
            if step >= done:
                yield step, order[position * self.batch : (position + 1) * self.batch]


class Share(NamedTuple):
    """Which of how many processes reads; unlike the ranks themselves, it can be pickled."""

    rank: int
    size: int


def own_clips(split: Split, share: Share, step: tuple[int, Sequence[int]]) -> Batch:
    """Read this rank's clips of a batch: a contiguous part of it.

    If a batch has fewer clips than there are ranks, a rank without clips reads one and masks all its time steps.

    Args:
        split: The pretraining split.
        share: This rank, and the number of ranks that share the batch.
        step: Step number and clip indices, as yielded by ``BatchSchedule.batches``.
    """
    _, indices = step
    start, end = clip_range(len(indices), share.rank, share.size)
    if start < end:
        return split[indices[start:end]]
    batch = split[indices[:1]]
    masked = {
        m: Features(each.values, each.values.new_zeros(each.values.shape[:2], dtype=torch.bool))
        for m, each in batch.inputs.items()
    }
    return batch._replace(inputs=masked)


def ranks_of_batch(ranks: Ranks, clips: int) -> Ranks:
    """Return the ranks with their shares of a batch of ``clips`` clips; a single process as it is."""
    return ranks if ranks.size == 1 else BatchRanks(ranks, clips_by_rank(clips, ranks.size))
