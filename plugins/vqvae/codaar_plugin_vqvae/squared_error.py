"""Squared error over the real steps."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from codaar_core.api import Ranks

Reduction = Literal["mean", "sum"]
REDUCTION = (
    "mean: over all elements (released); sum: over the elements and steps of a clip, then mean over clips (paper)"
)


def squared_error(
    prediction: Tensor, target: Tensor, mask: Tensor | None, reduction: Reduction, ranks: Ranks
) -> Tensor:
    """Reduce the squared error (B, T, ...) at steps where ``mask`` (B, T) is True to a scalar; zero without any.

    The mean over ranks equals the result of one process with all clips, however real steps are spread over ranks.
    """
    if ranks.size == 1 and mask is None:
        error = F.mse_loss(prediction, target)
        return error if reduction == "mean" else error * prediction[0].numel()
    error = (prediction - target).flatten(2)
    real = error.new_ones(error.shape[:2], dtype=torch.bool) if mask is None else mask
    counted = real.sum() * error.shape[-1] if reduction == "mean" else real.any(dim=1).sum()
    terms = ranks.sum(counted).clamp_min(1).to(error.dtype) / ranks.size
    return error.masked_fill(~real[..., None], 0).square().sum() / terms
