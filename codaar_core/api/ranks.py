"""Ranks: how a component communicates with the other processes of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from codaar_core.api.not_compiled import not_compiled


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
        """Return all ranks' tensors concatenated on the first axis, in rank order; their lengths may differ.

        In a training step, a rank that has no clip of the batch computes with a masked placeholder. Nothing of it is
        gathered.
        """


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


def sum_all(ranks: Ranks, *values: Tensor) -> list[Tensor]:
    """Return the sums of several tensors over all ranks, exchanged at once: each exchange costs a round trip.

    Args:
        ranks: The processes of the run.
        values: Tensors of any shapes. They are exchanged in the type that torch promotes theirs to, which must hold
            them exactly: counts beside float32 sums are exact below 2**24.

    Returns:
        Tensors with the shapes and types of ``values``, differentiable across ranks.
    """
    if ranks.size == 1 or not values:
        return list(values)
    flat = ranks.sum(torch.cat([value.flatten() for value in _promoted(values)]))
    parts = flat.split([value.numel() for value in values])
    return [part.view(value.shape).to(value.dtype) for part, value in zip(parts, values, strict=True)]


def gather_clips(ranks: Ranks, *values: Tensor) -> list[Tensor]:
    """Return what all ranks have of several tensors with one row per clip, exchanged at once.

    Every rank must compute the same from the result, as a contrast of all clips does. Then the gradient of a rank's
    own rows is known without another exchange. ``Ranks.gather`` has no such condition.

    Args:
        ranks: The processes of the run.
        values: Tensors (B, ...) of floating point or bool with the clips of this rank.

    Returns:
        Tensors (clips of all ranks, ...), differentiable across ranks; the placeholder of a rank without a clip is left
        out.
    """
    if ranks.size == 1:
        return list(values)
    gather = getattr(ranks, "gather_clips", ranks.gather)
    rows = [value.flatten(1) if value.dim() > 1 else value[:, None] for value in _promoted(values)]
    parts = gather(torch.cat(rows, dim=1)).split([each.shape[1] for each in rows], dim=1)
    return [part.reshape(-1, *value.shape[1:]).to(value.dtype) for part, value in zip(parts, values, strict=True)]


@not_compiled
def uniform_by_clip(ranks: Ranks, clips: int, steps: int, generator: torch.Generator) -> Tensor:
    """Draw a number between 0 and 1 for each time step of each clip of the batch; does not synchronise.

    The clips of all ranks are drawn for, so that several ranks draw as one process does and their generators stay in
    the same state.

    Args:
        ranks: The processes of the run.
        clips: Clips B of this rank.
        steps: Time steps T, equal on all ranks.
        generator: ``StepView.device_generator``.

    Returns:
        The draws (B, T) of this rank's clips, float32, on the device of the generator.
    """
    if ranks.size == 1:
        return torch.rand(clips, steps, generator=generator, device=generator.device)
    owners = ranks.gather(torch.full((clips,), ranks.rank, device=generator.device))
    draws = torch.rand(len(owners), steps, generator=generator, device=generator.device)
    own_first = (owners == ranks.rank).to(torch.uint8).argsort(descending=True, stable=True)
    return draws[own_first[:clips]]


def _promoted(values: Sequence[Tensor]) -> list[Tensor]:
    """The tensors in the type that torch promotes theirs to."""
    kind = values[0].dtype
    for value in values[1:]:
        kind = torch.promote_types(kind, value.dtype)
    return [value.to(kind) for value in values]
