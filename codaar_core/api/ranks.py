"""Ranks: how a component communicates with the other processes of a run."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor


class Ranks(Protocol):
    """The processes of a run, each with its own clips of every batch.

    All ranks must call the same methods in the same order. Both are differentiable: the gradient of every rank's loss
    flows back to the rank that a value came from.
    """

    rank: int
    size: int

    def sum(self, value: Tensor) -> Tensor:
        """The sum over all ranks, equal on each."""

    def gather(self, value: Tensor) -> Tensor:
        """All ranks' tensors concatenated on the first axis, in the order of the ranks; they may differ in length."""


@runtime_checkable
class RankAware(Protocol):
    """A module that takes statistics over the clips of all ranks, such as batch normalisation.

    Any ``nn.Module`` inside an encoder, decoder, quantizer or loss may have this method; the training loop calls it
    once, before the first step.
    """

    def join(self, ranks: Ranks) -> None:
        """Take statistics over these ranks from now on."""


class SingleProcess:
    """The ranks of a run that has one process only."""

    rank = 0
    size = 1

    def sum(self, value: Tensor) -> Tensor:
        """Return ``value``: no other rank adds to it."""
        return value

    def gather(self, value: Tensor) -> Tensor:
        """Return ``value``: no other rank has any."""
        return value
