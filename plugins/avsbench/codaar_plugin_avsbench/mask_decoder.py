"""Four fused maps, coarse to fine -> one logit per pixel: the decoder of AVSBench (ECCV 2022)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

DILATIONS = (3, 6, 12, 18)


class DilatedSum(nn.Module):
    """The sum of four dilated 3x3 convolutions: (N, inputs, H, W) -> (N, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation) for dilation in DILATIONS
        )
        for convolution in self.convolutions:
            nn.init.normal_(convolution.weight, std=0.01)

    def forward(self, maps: Tensor) -> Tensor:
        """Give the sum."""
        return sum(convolution(maps) for convolution in self.convolutions)


class ResidualUnit(nn.Module):
    """Two 3x3 convolutions, added to the rectified input: the released in-place ReLU changes the input too."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        """Keep the shape (N, C, H, W)."""
        rectified = F.relu(maps)
        return rectified + self.second(F.relu(self.first(rectified)))


class Merge(nn.Module):
    """Adds a finer map to the merged coarser ones and doubles the resolution.

    Args:
        channels: C of all maps.
        coarsest: Whether this is the first stage, without a coarser input.
    """

    def __init__(self, channels: int, coarsest: bool) -> None:
        super().__init__()
        self.lateral = None if coarsest else ResidualUnit(channels)
        self.merged = ResidualUnit(channels)

    def forward(self, fine: Tensor, coarse: Tensor | None) -> Tensor:
        """Give (N, C, 2H, 2W) of (N, C, H, W)."""
        total = fine if coarse is None else coarse + self.lateral(fine)
        return F.interpolate(self.merged(total), scale_factor=2, mode="bilinear", align_corners=True)


class MaskDecoder(nn.Module):
    """Merges four maps from coarse to fine; one logit per pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.merges = nn.ModuleList(Merge(channels, coarsest=stage == 3) for stage in range(4))
        self.output = nn.Sequential(
            nn.Conv2d(channels, channels // 2, 3, padding=1),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.Conv2d(channels // 2, channels // 8, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels // 8, 1, 1),
        )

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Turn maps (N, C, H/4, W/4) ... (N, C, H/32, W/32) into logits (N, 1, H, W)."""
        merged = None
        for merge, fine in zip(reversed(self.merges), reversed(maps), strict=True):
            merged = merge(fine, merged)
        return self.output(merged)
