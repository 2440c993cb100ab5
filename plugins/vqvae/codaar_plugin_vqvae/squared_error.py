"""Squared error over the real steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from codaar_core.api import Ranks

Reduction = Literal["mean", "sum"]
REDUCTION = (
    "mean: over all elements (released); sum: over the elements and steps of a clip, then mean over clips (paper)"
)


class Compared(NamedTuple):
    """Two tensors (B, T, ...) of equal shape, compared at the steps where ``mask`` (B, T) is True; None: at all."""

    prediction: Tensor
    target: Tensor
    mask: Tensor | None = None

    def error(self) -> Tensor:
        """The sum of the squared error at real steps, a scalar."""
        error = (self.prediction - self.target).flatten(2)
        real = self.real()[..., None]
        return error.masked_fill(~real, 0).square().sum()

    def count(self, reduction: Reduction) -> Tensor:
        """The number of elements at real steps, or of clips that have a real step."""
        real = self.real()
        width = self.prediction[0, 0].numel()
        return real.sum() * width if reduction == "mean" else real.any(dim=1).sum()

    def real(self) -> Tensor:
        """Which steps (B, T) are compared."""
        whole = self.prediction.new_ones(self.prediction.shape[:2], dtype=torch.bool)
        return whole if self.mask is None else self.mask


def squared_errors(compared: Sequence[Compared], reduction: Reduction, ranks: Ranks) -> list[Tensor]:
    """Reduce each squared error to a scalar, zero without a real step; ranks exchange all counts at once.

    The mean over ranks equals the result of one process with all clips, however real steps are spread over ranks.
    """
    if ranks.size == 1:
        return [_squared_error(each, reduction) for each in compared]
    counts = ranks.sum(torch.stack([each.count(reduction) for each in compared])).clamp_min(1)
    return [
        each.error() * ranks.size / count.to(each.prediction.dtype)
        for each, count in zip(compared, counts.unbind(), strict=True)
    ]


def _squared_error(compared: Compared, reduction: Reduction) -> Tensor:
    if compared.mask is not None:
        return compared.error() / compared.count(reduction).clamp_min(1)
    error = F.mse_loss(compared.prediction, compared.target)
    return error if reduction == "mean" else error * compared.prediction[0].numel()
