"""Ranks: the only door to other processes."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Ranks(Protocol):
    """What a component may ask of the other processes of a run."""

    rank: int
    size: int

    def sum(self, value: Tensor) -> Tensor:
        """The sum over all ranks, equal on each."""

    def gather(self, value: Tensor) -> Tensor:
        """All ranks' tensors joined on the first axis; gradients flow into the own part."""
