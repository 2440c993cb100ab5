"""Which clips are read at which step, and by which rank."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import attrs
import torch

from codaar_core.api import Batch, CodaarError, Features, Ranks, Split
from codaar_core.engine.devices.runtime import generator_of


@attrs.frozen
class BatchSchedule:
    """Cuts a split into batches, in a new order every epoch; the order follows from the seed, also after a resume."""

    clips: int
    batch: int
    steps: int  # in an epoch

    @classmethod
    def of(cls, clips: int, batch: int) -> BatchSchedule:
        """Cut ``clips`` into batches; the last one of an epoch may be smaller."""
        if clips == 0:
            raise CodaarError("the pretraining split is empty")
        return cls(clips, batch, math.ceil(clips / batch))

    def batches(self, seed: int, epoch: int, done: int) -> Iterator[tuple[int, list[int]]]:
        """Step numbers (from 0, over the whole run) and clip indices of an epoch, without the steps already done."""
        order = torch.randperm(self.clips, generator=generator_of(seed, "order", epoch)).tolist()
        for position in range(self.steps):
            step = epoch * self.steps + position
            if step >= done:
                yield step, order[position * self.batch : (position + 1) * self.batch]


def own_clips(split: Split, ranks: Ranks, step: tuple[int, Sequence[int]]) -> Batch:
    """Read this rank's share of a batch: consecutive clips of it.

    If a batch has fewer clips than there are ranks, a rank without clips reads one and masks all its steps.
    """
    _, indices = step
    start, end = (len(indices) * rank // ranks.size for rank in (ranks.rank, ranks.rank + 1))
    if start < end:
        return split[indices[start:end]]
    batch = split[indices[:1]]
    masked = {
        m: Features(each.values, each.values.new_zeros(each.values.shape[:2], dtype=torch.bool))
        for m, each in batch.inputs.items()
    }
    return batch._replace(inputs=masked)
