"""Squared error over the real steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from codaar_core.api import Ranks, Shared, exchange

Reduction = Literal["mean", "sum"]
REDUCTION = (
    "mean: over all elements (released); sum: over the elements and steps of a clip, then mean over clips (paper)"
)


class Compared(NamedTuple):
    """Two tensors (B, T, ...) of equal shape, compared at the steps where ``mask`` (B, T) is True; None: at all."""

    prediction: Tensor
    target: Tensor
    mask: Tensor | None = None

    def error(self, reduction: Reduction) -> Tensor:
        """The squared error at real steps, a scalar: the sum of its means over a step, or of all elements."""
        error = (self.prediction - self.target).flatten(2)
        total = error.masked_fill(~self.real()[..., None], 0).square().sum()
        return total / error.shape[-1] if reduction == "mean" else total

    def count(self, reduction: Reduction) -> Tensor:
        """The number of real steps, or of clips that have one."""
        real = self.real()
        return real.sum() if reduction == "mean" else real.any(dim=1).sum()

    def real(self) -> Tensor:
        """Which steps (B, T) are compared."""
        whole = self.prediction.new_ones(self.prediction.shape[:2], dtype=torch.bool)
        return whole if self.mask is None else self.mask


def squared_errors(compared: Sequence[Compared], reduction: Reduction, ranks: Ranks) -> list[Tensor]:
    """Reduce each squared error to a scalar, zero without a real step; ranks exchange all counts at once.

    The mean over ranks equals the result of one process with all clips, however real steps are spread over ranks.
    """
    (shared,) = exchange(ranks, shared_errors(compared, reduction, ranks))
    return reduced_errors(shared, ranks)


def shared_errors(compared: Sequence[Compared], reduction: Reduction, ranks: Ranks) -> Shared:
    """What ranks exchange for ``squared_errors``, as ``reduced_errors`` reads it."""
    if ranks.size == 1:
        return Shared(kept=tuple(_squared_error(each, reduction) for each in compared))
    counts = tuple(each.count(reduction) for each in compared)
    return Shared(sums=counts, kept=tuple(each.error(reduction) for each in compared))


def _squared_error(compared: Compared, reduction: Reduction) -> Tensor:
    if compared.mask is not None:
        return compared.error(reduction) / compared.count(reduction).clamp_min(1)
    error = F.mse_loss(compared.prediction, compared.target)
    return error if reduction == "mean" else error * compared.prediction[0].numel()


def reduced_errors(shared: Shared, ranks: Ranks) -> list[Tensor]:
    """Divide sums of errors by the counts of all ranks, times the number of ranks; without counts they are means."""
    if not shared.sums:
        return list(shared.kept)
    pairs = zip(shared.kept, shared.sums, strict=True)
    return [error * ranks.size / count.clamp_min(1).to(error.dtype) for error, count in pairs]


def stack_steps(values: Sequence[Tensor]) -> Tensor:
    """Stack (B, T, ...) of several modalities to (M, B, T, ...); zeros follow the last step of shorter ones."""
    longest = max(each.shape[1] for each in values)
    return torch.stack([_lengthened(each, longest - each.shape[1]) for each in values])


def _lengthened(value: Tensor, steps: int) -> Tensor:
    return torch.cat([value, value.new_zeros(len(value), steps, *value.shape[2:])], dim=1) if steps else value


def shared_sums(errors: Tensor, width: int, real: Tensor | None, reduction: Reduction, ranks: Ranks) -> Shared:
    """What ranks exchange to reduce many errors at once; ``reduced_errors`` makes one tensor (...) of it.

    Args:
        errors: Sums (..., B, T) of the squared error over the elements of a step.
        width: Number of elements of a step.
        real: Which steps are compared, of a shape that broadcasts to that of the errors; None: all.
        reduction: As in ``REDUCTION``.
        ranks: The processes of the run.
    """
    if real is None and ranks.size == 1:
        mean = errors.mean(dim=(-2, -1)) / width if reduction == "mean" else errors.sum(dim=-1).mean(dim=-1)
        return Shared(kept=(mean,))
    real = torch.ones_like(errors, dtype=torch.bool) if real is None else real.expand_as(errors)
    count = real.sum(dim=(-2, -1)) if reduction == "mean" else real.any(dim=-1).sum(dim=-1)
    total = errors.masked_fill(~real, 0).sum(dim=(-2, -1))
    return Shared(sums=(count,), kept=(total / width if reduction == "mean" else total,))
