"""Batch normalisation that leaves masked maps out of its statistics."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MaskedBatchNorm2d(nn.BatchNorm2d):
    """``BatchNorm2d`` with a mask over maps; masked maps are normalised too, but change no statistic."""

    running_mean: Tensor  # always tracked here
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalise (N, C, H, W); ``mask`` (N,) is True where the map is real."""
        if mask is None or not self.training:
            return super().forward(x)
        mean, variance = self._statistics(x, mask)
        scale = self.weight * (variance + self.eps).rsqrt()
        return x * _per_channel(scale) + _per_channel(self.bias - mean * scale)

    def _statistics(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and biased variance (C,) over the cells of real maps; they also move the running statistics."""
        x = x.to(self.running_mean.dtype)
        real = mask.to(x.dtype)[:, None, None, None]
        cells = (real.sum() * x[0, 0].numel()).clamp(min=1)
        mean = (x * real).sum((0, 2, 3)) / cells
        variance = ((x - _per_channel(mean)).square() * real).sum((0, 2, 3)) / cells
        self._track(mean, variance * cells / (cells - 1).clamp(min=1), mask.any())
        return mean, variance

    @torch.no_grad()
    def _track(self, mean: Tensor, unbiased: Tensor, any_real: Tensor) -> None:
        step = self.momentum * any_real.to(mean.dtype)
        self.running_mean.lerp_(mean, step)
        self.running_var.lerp_(unbiased, step)
        self.num_batches_tracked.add_(any_real)


def _per_channel(value: Tensor) -> Tensor:
    return value[:, None, None]
