"""Private features of video: a smaller map of every frame."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from codaar_plugin_vgg.convolution import Convolution3x3
from codaar_plugin_vgg.masked_batch_norm import MaskedBatchNorm2d

SHRINK = 4  # cells lost on each side length by two 3x3 convolutions without padding


class PrivateMap(nn.Module):
    """Two 3x3 convolutions without padding, each with batch normalisation and ReLU.

    Args:
        channels: Width C of the maps.
        widths: Widths of the two convolutions; the second is P.
    """

    def __init__(self, channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        first, second = widths
        self.convolutions = nn.ModuleList([Convolution3x3(channels, first), Convolution3x3(first, second)])
        self.norms = nn.ModuleList([MaskedBatchNorm2d(first), MaskedBatchNorm2d(second)])

    def forward(self, maps: Tensor, mask: Tensor | None = None) -> Tensor:
        """Turn (N, H, W, C) into (N, H - 4, W - 4, P); where ``mask`` (N,) is False a map counts in no statistic."""
        # A permuted view is a tensor in channels-last memory format: nothing is copied, and convolutions are faster.
        x = maps.permute(0, 3, 1, 2)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.relu(norm(convolution(x), mask), inplace=True)
        return x.permute(0, 2, 3, 1)
