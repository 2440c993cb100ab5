"""Squared error over the real steps."""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional as F

Reduction = Literal["mean", "sum"]
REDUCTION = "mean over all elements (released), or sum over the steps and elements of a clip, mean over clips (paper)"


def squared_error(prediction: Tensor, target: Tensor, mask: Tensor | None, reduction: Reduction) -> Tensor:
    """Reduce (B, T, ...) at the steps where ``mask`` (B, T) is True to a scalar; zero where there are none."""
    if mask is None:
        error = F.mse_loss(prediction, target)
        return error if reduction == "mean" else error * prediction[0].numel()
    error = (prediction - target).flatten(2).masked_fill(~mask[..., None], 0)
    terms = (mask.sum() * error.shape[-1]).clamp_min(1) if reduction == "mean" else len(error)
    return error.square().sum() / terms
