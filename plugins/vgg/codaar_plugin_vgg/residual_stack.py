"""Residual convolutions that keep the size of a map."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from codaar_plugin_vgg.convolution import Convolution3x3

Skip = Literal["activated", "plain"]


class ResidualStack(nn.Module):
    """Layers of ReLU, 3x3 convolution, ReLU, 1x1 convolution around a skip; a ReLU at the end.

    Args:
        channels: Width C of the map.
        layers: Number of layers.
        skip: What a layer adds to its branch: "activated" is relu(x), as the in-place ReLU of the released code does;
            "plain" is x itself.
    """

    def __init__(self, channels: int, layers: int = 1, skip: Skip = "activated") -> None:
        super().__init__()
        self.skip = skip
        self.branches = nn.ModuleList(_branch(channels) for _ in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, H, W)."""
        for branch in self.branches:
            activated = F.relu(x)
            x = (activated if self.skip == "activated" else x) + branch(activated)
        return F.relu(x)


def _branch(channels: int) -> nn.Sequential:
    return nn.Sequential(
        Convolution3x3(channels, channels, padding=1, bias=False),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels, channels, kernel_size=1, bias=False),
    )
