"""Ranks: the only door to other processes."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Ranks(Protocol):
    """What a component may ask of the other processes of a run: each has its own clips of every batch.

    All ranks must ask the same things in the same order. Both answers are differentiable: the gradient of every
    rank's loss flows back to the rank that a value came from.
    """

    rank: int
    size: int

    def sum(self, value: Tensor) -> Tensor:
        """The sum over all ranks, equal on each."""

    def gather(self, value: Tensor) -> Tensor:
        """All ranks' tensors joined on the first axis, in the order of the ranks; they may differ in length."""


class SingleProcess:
    """The ranks of a run in a single process."""

    rank = 0
    size = 1

    def sum(self, value: Tensor) -> Tensor:
        """Nothing to add."""
        return value

    def gather(self, value: Tensor) -> Tensor:
        """Nothing to join."""
        return value
