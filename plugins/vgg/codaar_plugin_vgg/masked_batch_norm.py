"""Batch normalisation whose statistics exclude masked maps and include all ranks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codaar_core.api import Ranks
from codaar_core.api.ranks import SingleProcess


class MaskedBatchNorm2d(nn.BatchNorm2d):
    """``BatchNorm2d`` with a mask over maps: masked maps are normalised but do not enter any statistic.

    Attributes:
        ranks: The processes over which statistics are taken; the training loop sets them by ``join``.
    """

    running_mean: Tensor  # always tracked here
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float
    ranks: Ranks = SingleProcess()

    def join(self, ranks: Ranks) -> None:
        """Take statistics over these ranks from now on."""
        self.ranks = ranks

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalise (N, C, H, W); ``mask`` (N,) is True where the map is real."""
        if not self.training or (mask is None and self.ranks.size == 1):
            return super().forward(x)
        mean, variance = self._statistics(x, x.new_ones(len(x), dtype=torch.bool) if mask is None else mask)
        scale = self.weight * (variance + self.eps).rsqrt()
        return x * _per_channel(scale) + _per_channel(self.bias - mean * scale)

    def _statistics(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and biased variance (C,) over the cells of real maps; also updates the running statistics."""
        x = x.to(self.running_mean.dtype)
        real = mask.to(x.dtype)[:, None, None, None]
        cells = self.ranks.sum(real.sum() * x[0, 0].numel())
        divisor = cells.clamp(min=1)
        mean = self.ranks.sum((x * real).sum((0, 2, 3))) / divisor
        variance = self.ranks.sum(((x - _per_channel(mean)).square() * real).sum((0, 2, 3))) / divisor
        self._track(mean, variance * divisor / (divisor - 1).clamp(min=1), cells > 0)
        return mean, variance

    @torch.no_grad()
    def _track(self, mean: Tensor, unbiased: Tensor, any_real: Tensor) -> None:
        step = self.momentum * any_real.to(mean.dtype)
        self.running_mean.lerp_(mean, step)
        self.running_var.lerp_(unbiased, step)
        self.num_batches_tracked.add_(any_real)


def _per_channel(value: Tensor) -> Tensor:
    return value[:, None, None]
