"""Simulated ranks: threads of one process that wait for each other at every exchange."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from threading import Barrier, BrokenBarrierError
from typing import Any, TypeVar

import attrs
import torch
from torch import Tensor

from codaar_core.engine.devices.runtime import SingleProcess
from codaar_core.testing.environment import toys

__all__ = ["UNEVEN", "OneOfSeveral", "Shares", "SingleProcess", "on_ranks"]

T = TypeVar("T")


@attrs.frozen
class Shares:
    """How the clips of a batch are divided among ranks.

    Attributes:
        title: In words, for messages.
        clips: Clips of each rank.
    """

    title: str
    clips: tuple[int, ...]

    @property
    def total(self) -> int:
        """Clips of the batch."""
        return sum(self.clips)

    def divide(self, inputs: Any) -> list[Any]:
        """Return the inputs of each rank; a rank without a clip gets the first one, all of whose steps are masked."""
        placeholder = toys.without_real_steps(toys.part(inputs, slice(1)))
        parts = zip(self.clips, accumulate(self.clips), strict=True)
        return [toys.part(inputs, slice(end - clips, end)) if clips else placeholder for clips, end in parts]


UNEVEN = (Shares("two ranks", (5, 3)), Shares("three ranks, one of them without a clip,", (3, 0, 5)))
"""Divisions of eight clips."""


class Meeting:
    """Exchanges tensors between the threads."""

    def __init__(self, size: int) -> None:
        self.brought: list[Tensor] = [torch.empty(0)] * size
        self.barrier = Barrier(size, timeout=30)

    def exchange(self, rank: int, value: Tensor) -> list[Tensor]:
        """Give a value, and get those of all ranks, in their order."""
        self.brought[rank] = value
        self.barrier.wait()
        all_values = list(self.brought)
        self.barrier.wait()  # no rank writes its next value before all have read this one
        return all_values


class OneOfSeveral:
    """One rank of several."""

    def __init__(self, rank: int, meeting: Meeting) -> None:
        self.rank = rank
        self.size = len(meeting.brought)
        self.meeting = meeting

    def sum(self, value: Tensor) -> Tensor:
        """The sum over all ranks.

        Raises:
            ValueError: Ranks bring tensors of other types or shapes, with which real processes crash.
        """
        brought = self.meeting.exchange(self.rank, value)
        kinds = [f"{each.dtype} {tuple(each.shape)}" for each in brought]
        if len(set(kinds)) > 1:
            raise ValueError(f"ranks add up tensors of different types or shapes: {', '.join(kinds)}")
        return torch.stack(brought).sum(0)

    def gather(self, value: Tensor) -> Tensor:
        """All ranks' tensors, concatenated."""
        return torch.cat(self.meeting.exchange(self.rank, value))


def on_ranks(work: Callable[[OneOfSeveral], T], size: int = 2, gradients: bool = False) -> list[T]:
    """Do ``work`` on every rank at once; if one fails, the others stop too.

    Args:
        work: Called on each rank, in a thread of its own.
        size: Number of ranks.
        gradients: Whether to record gradients. Results of all ranks are then one graph: the backward pass of their sum
            sends to each rank what the losses of all ranks send it.
    """
    meeting = Meeting(size)

    def guarded(rank: int) -> T:
        try:
            with torch.set_grad_enabled(gradients):
                return work(OneOfSeveral(rank, meeting))
        except BaseException:
            meeting.barrier.abort()
            raise

    with ThreadPoolExecutor(size) as pool:
        futures = [pool.submit(guarded, rank) for rank in range(size)]
    failures = [error for error in (future.exception() for future in futures) if error]
    causes = [error for error in failures if not isinstance(error, BrokenBarrierError)]
    for error in causes or failures:
        raise error
    return [future.result() for future in futures]
