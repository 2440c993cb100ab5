"""Ranks: how a component communicates with the other processes of a run."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor


class Ranks(Protocol):
    """The processes of a run; each has its own clips of every batch.

    All ranks must call the same methods in the same order. Both methods are differentiable: the gradients of all
    ranks' losses flow back to the rank that a value came from.

    Attributes:
        rank: Number of this process, from 0.
        size: Number of processes.
    """

    rank: int
    size: int

    def sum(self, value: Tensor) -> Tensor:
        """Return the sum over all ranks, equal on each of them."""

    def gather(self, value: Tensor) -> Tensor:
        """Return all ranks' tensors concatenated on the first axis, in rank order; their lengths may differ."""


@runtime_checkable
class RankAware(Protocol):
    """A module that computes statistics over the clips of all ranks, such as batch normalisation.

    Any ``nn.Module`` inside an encoder, decoder, quantizer or loss may have this method; the training loop calls it
    once, before the first step.
    """

    def join(self, ranks: Ranks) -> None:
        """Compute statistics over these ranks from now on."""


class SingleProcess:
    """The ranks of a run with one process."""

    rank = 0
    size = 1

    def sum(self, value: Tensor) -> Tensor:
        """Return ``value``: there are no other ranks."""
        return value

    def gather(self, value: Tensor) -> Tensor:
        """Return ``value``: there are no other ranks."""
        return value
