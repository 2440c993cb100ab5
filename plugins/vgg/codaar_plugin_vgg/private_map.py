"""Private features of video: a smaller map for every frame."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from codaar_core.nn import MaskedBatchNorm
from codaar_plugin_vgg.convolution import Convolution3x3

SHRINK = 4  # cells by which two 3x3 convolutions without padding reduce height and width


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
        self.norms = nn.ModuleList([MaskedBatchNorm(first), MaskedBatchNorm(second)])

    def forward(self, maps: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map (N, H, W, C) to (N, H - 4, W - 4, P); maps where ``mask`` (N,) is False do not enter any statistic."""
        # The permuted view is in channels-last memory format: no copy, and faster convolutions.
        x = maps.permute(0, 3, 1, 2)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.relu(norm(convolution(x), mask), inplace=True)
        return x.permute(0, 2, 3, 1)
