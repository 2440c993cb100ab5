"""Transposed convolution as one matrix product, where that is faster."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDE = 256  # input channels from which the product outweighs the folding: measured, see benchmarks/step.py


class TransposedConvolution(nn.ConvTranspose2d):
    """``ConvTranspose2d`` without stride and padding, of channels that vary over cells and of some that do not.

    On the CPU a wide one is a matrix product whose columns are folded into the output, three times as fast as torch's
    own, and what is the same in all cells is multiplied once. Elsewhere torch's own is faster.
    """

    def forward(self, maps: Tensor, everywhere: Tensor | None = None) -> Tensor:
        """Map (N, C, H, W), preceded by channels (N, E) that are the same in all cells, to (N, O, H + 2, W + 2)."""
        if maps.device.type != "cpu" or self.in_channels < WIDE:
            return super().forward(maps if everywhere is None else _preceded(maps, everywhere))
        weight = self.weight.flatten(1)
        first = weight.shape[0] - maps.shape[1]
        columns = weight[first:].T @ maps.flatten(2)
        if everywhere is not None:
            columns = columns + (everywhere @ weight[:first])[..., None]
        size = [cells + side - 1 for cells, side in zip(maps.shape[2:], self.kernel_size, strict=True)]
        folded = F.fold(columns, size, self.kernel_size)
        return folded + self.bias.to(folded.dtype)[:, None, None]


def _preceded(maps: Tensor, everywhere: Tensor) -> Tensor:
    return torch.cat([everywhere[..., None, None].expand(-1, -1, *maps.shape[2:]), maps], dim=1)
