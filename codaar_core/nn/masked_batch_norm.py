"""Batch normalisation whose statistics exclude masked items and include all ranks."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from codaar_core.api import Ranks, not_compiled
from codaar_core.api.ranks import SingleProcess


class MaskedBatchNorm(_BatchNorm):
    """Batch normalisation of vectors or maps with a mask: masked items are normalised but do not enter any statistic.

    Takes the arguments of ``torch.nn.BatchNorm2d``, without ``track_running_stats``: statistics are always tracked.

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
        """Normalise vectors (N, C) or maps (N, C, H, W); ``mask`` (N,) is True where the item is real."""
        if not self.training or (mask is None and self.ranks.size == 1 and x.numel() > x.shape[1]):
            return super().forward(x)
        statistics = self._statistics if self.ranks.size == 1 else not_compiled(self._statistics)
        mean, variance = statistics(x, x.new_ones(len(x), dtype=torch.bool) if mask is None else mask)
        scale = (variance + self.eps).rsqrt()
        scale, shift = (self.weight * scale, self.bias) if self.affine else (scale, 0.0)
        return x * _per_channel(scale, x) + _per_channel(shift - mean * scale, x)

    def _check_input_dim(self, input: Tensor) -> None:
        """Accept vectors and maps."""

    def _statistics(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and biased variance (C,) over the cells of real items; also updates the running statistics."""
        x = x.to(self.running_mean.dtype)
        real = mask.to(x.dtype).view(-1, *[1] * (x.dim() - 1))
        axes = [axis for axis in range(x.dim()) if axis != 1]
        own_cells, own_sums = real.sum() * x[0, 0].numel(), (x * real).sum(axes)
        own_squares = ((x - _per_channel(own_sums / own_cells.clamp(min=1), x)).square() * real).sum(axes)
        cells, sums, squares = self._of_each_rank(own_cells.expand(1), own_sums, own_squares)
        divisor = cells.sum().clamp(min=1)
        mean = sums.sum(0) / divisor
        apart = (sums / cells.clamp(min=1) - mean).square() * cells  # of the ranks' means, each for all its cells
        variance = (squares + apart).sum(0) / divisor
        self._track(mean, variance * divisor / (divisor - 1).clamp(min=1), cells.sum() > 0)
        return mean, variance

    def _of_each_rank(self, *own: Tensor) -> list[Tensor]:
        """Statistics (C,) of this rank -> (ranks, C) of all, in one exchange."""
        stacked = torch.cat(own).expand(1, -1)
        before, after = self.ranks.rank, self.ranks.size - self.ranks.rank - 1
        of_all = self.ranks.sum(F.pad(stacked, (0, 0, before, after))) if before or after else stacked
        return list(of_all.split([len(each) for each in own], dim=1))

    @torch.no_grad()
    def _track(self, mean: Tensor, unbiased: Tensor, any_real: Tensor) -> None:
        step = self.momentum * any_real.to(mean.dtype)
        self.running_mean.lerp_(mean, step)
        self.running_var.lerp_(unbiased, step)
        self.num_batches_tracked.add_(any_real)


def _per_channel(value: Tensor, x: Tensor) -> Tensor:
    """``value`` (C,) in a form that broadcasts over the cells of ``x`` (N, C, ...)."""
    return value.view(-1, *[1] * (x.dim() - 2))
