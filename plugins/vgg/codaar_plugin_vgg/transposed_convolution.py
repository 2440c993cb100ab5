"""Transposed convolution with faster algorithms on the CPU."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from codaar_plugin_vgg import winograd

WIDE = 256  # input channels from which matrix product and folding are faster: measured, see benchmarks/step.py


class TransposedConvolution(nn.ConvTranspose2d):
    """``ConvTranspose2d`` without stride and padding; some input channels may be constant over the cells.

    On the CPU, wide convolutions use Winograd's algorithm or, where that is slower, a matrix product whose columns are
    folded into the output; constant channels are multiplied once. Otherwise torch's own implementation is faster.
    """

    def forward(self, maps: Tensor, everywhere: Tensor | None = None) -> Tensor:
        """Map (N, C, H, W), with ``everywhere`` (N, E) prepended as constant channels, to (N, O, H + 2, W + 2)."""
        if maps.device.type != "cpu" or self.in_channels < WIDE:
            return super().forward(maps if everywhere is None else _preceded(maps, everywhere))
        first = self.in_channels - maps.shape[1]
        varying = self.weight[first:]
        way = winograd.convolve_transposed if winograd.pays(maps, varying) else _folded
        result = way(maps, varying)
        if everywhere is not None:
            result = result.add_(_spread(everywhere, self.weight[:first], maps.shape[2:]))
        return result.add_(self.bias[:, None, None])


def _preceded(maps: Tensor, everywhere: Tensor) -> Tensor:
    return torch.cat([everywhere[..., None, None].expand(-1, -1, *maps.shape[2:]), maps], dim=1)


def _folded(maps: Tensor, weight: Tensor) -> Tensor:
    return F.fold(weight.flatten(1).T @ maps.flatten(2), _enlarged(maps.shape[2:], weight), weight.shape[2:])


def _spread(everywhere: Tensor, weight: Tensor, cells: torch.Size) -> Tensor:
    """Contribution of constant channels (N, E): each tap is multiplied once and added to the cells that it reaches."""
    size = _enlarged(cells, weight)
    taps = (everywhere @ weight.flatten(2).transpose(1, 2).flatten(1)).unflatten(1, (-1, weight.shape[1]))
    each = torch.eye(taps.shape[1], dtype=taps.dtype)[..., None]
    where = F.fold(each.expand(-1, -1, cells.numel()), size, weight.shape[2:]).flatten(1)
    return (where.T @ taps).unflatten(1, size).permute(0, 3, 1, 2)


def _enlarged(cells: torch.Size, weight: Tensor) -> list[int]:
    return [number + side - 1 for number, side in zip(cells, weight.shape[2:], strict=True)]
