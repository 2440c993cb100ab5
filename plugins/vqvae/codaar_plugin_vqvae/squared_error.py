"""Mean squared error over the real steps."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def mean_squared_error(prediction: Tensor, target: Tensor, mask: Tensor | None) -> Tensor:
    """Mean over all elements of (B, T, ...) at the steps where ``mask`` (B, T) is True; zero where there are none."""
    if mask is None:
        return F.mse_loss(prediction, target)
    error = (prediction - target).flatten(2).masked_fill(~mask[..., None], 0)
    return error.square().sum() / (mask.sum() * error.shape[-1]).clamp_min(1)
