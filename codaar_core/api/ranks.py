"""Ranks: how a component communicates with the other processes of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from codaar_core.api.errors import CodaarError
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
    kind = _promoted_type(values, values[0].dtype)
    flat = ranks.sum(torch.cat([value.to(kind).flatten() for value in values]))
    parts = flat.split([value.numel() for value in values])
    return [part.view(value.shape).to(value.dtype) for part, value in zip(parts, values, strict=True)]


class Shared(NamedTuple):
    """Tensors of one rank for ``exchange``, and what becomes of them.

    Attributes:
        clips: Tensors (B, ...) of floating point or bool with one row per clip of this rank; then those of all ranks'
            clips, without the placeholder of a rank that has no clip. Every rank must compute the same from them, as a
            contrast of all clips does: the gradient of a rank's own rows is then known without another exchange.
        sums: Tensors of any shapes, e.g. counts of real steps; then their sums over all ranks, without gradient.
        kept: Tensors that stay as they are.
    """

    clips: tuple[Tensor, ...] = ()
    sums: tuple[Tensor, ...] = ()
    kept: tuple[Tensor, ...] = ()


def exchange(ranks: Ranks, *own: Shared) -> list[Shared]:
    """Exchange what several computations need of all ranks, in one round trip.

    Tensors are exchanged in the type that torch promotes theirs and float32 to: counts are exact below 2**24.

    Args:
        ranks: The processes of the run.
        own: What this rank has; all ranks must pass tensors of the same types and, apart from the clips, shapes.

    Returns:
        What all ranks have, in the types of ``own``.

    Raises:
        CodaarError: One of ``own`` is something else, e.g. a dictionary of terms or a tensor without its tuple.
    """
    for each in own:
        refuse_not_shared(each)
    clips, sums = ([value for each in own for value in getattr(each, part)] for part in ("clips", "sums"))
    if ranks.size == 1 or not clips + sums:
        return [each._replace(sums=tuple(value.detach() for value in each.sums)) for each in own]
    kind = _promoted_type([*clips, *sums], torch.float32)
    rows = [value.to(kind).flatten(1) if value.dim() > 1 else value.to(kind)[:, None] for value in clips]
    flat = torch.cat([value.detach().to(kind).flatten() for value in sums]) if sums else None
    all_rows, flat = _exchanged(ranks, torch.cat(rows, dim=1) if rows else None, flat)
    of_clips = iter(() if all_rows is None else all_rows.split([each.shape[1] for each in rows], dim=1))
    of_sums = iter(() if flat is None else flat.split([value.numel() for value in sums]))
    return [
        Shared(
            tuple(_shaped(next(of_clips), value) for value in each.clips),
            tuple(next(of_sums).view(value.shape).to(value.dtype) for value in each.sums),
            each.kept,
        )
        for each in own
    ]


def _shaped(rows: Tensor, own: Tensor) -> Tensor:
    """Rows (clips, N) of all clips in the shape and type of this rank's."""
    return rows.reshape(len(rows), *own.shape[1:]).to(own.dtype)


def refuse_not_shared(own: object) -> None:
    """Refuse what cannot be exchanged, with one process too.

    Raises:
        CodaarError: ``own`` is no ``Shared`` of tuples of tensors, or its ``clips`` do not have equally many rows.
    """
    if not isinstance(own, Shared):
        raise CodaarError(
            f"what ranks are to share is a {type(own).__name__}", "return Shared(clips=..., sums=..., kept=...)"
        )
    for part, values in (("clips", own.clips), ("sums", own.sums)):
        if not isinstance(values, (tuple, list)) or not all(isinstance(value, Tensor) for value in values):
            found = type(values).__name__ if isinstance(values, Tensor) else repr(values)
            raise CodaarError(
                f"{part} of what ranks are to share is {found}", f"give a tuple of tensors: Shared({part}=(tensor,))"
            )
    if any(value.dim() == 0 for value in own.clips) or len({len(value) for value in own.clips}) > 1:
        shapes = ", ".join(str(tuple(value.shape)) for value in own.clips)
        raise CodaarError(f"clips have the shapes {shapes}", "give one row per clip; what has none belongs to sums")


def _exchanged(ranks: Ranks, rows: Tensor | None, sums: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """Rows (B, N) of all clips and sums (S,) over all ranks; together where the ranks can do that."""
    together = getattr(ranks, "exchange", None)
    if together is not None and rows is not None:
        return together(rows, rows.new_zeros(0) if sums is None else sums)
    return None if rows is None else ranks.gather(rows), None if sums is None else ranks.sum(sums)


def gather_clips(ranks: Ranks, *values: Tensor) -> list[Tensor]:
    """Return what all ranks have of several tensors with one row per clip, exchanged at once.

    Every rank must compute the same from the result, see ``Shared.clips``. ``Ranks.gather`` has no such condition.

    Args:
        ranks: The processes of the run.
        values: Tensors (B, ...) of floating point or bool with the clips of this rank.

    Returns:
        Tensors (clips of all ranks, ...), differentiable across ranks; the placeholder of a rank without a clip is left
        out.
    """
    return list(exchange(ranks, Shared(clips=values))[0].clips)


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


def _promoted_type(values: Sequence[Tensor], kind: torch.dtype) -> torch.dtype:
    """The type to which torch promotes ``kind`` and those of the tensors."""
    for value in values:
        kind = torch.promote_types(kind, value.dtype)
    return kind
