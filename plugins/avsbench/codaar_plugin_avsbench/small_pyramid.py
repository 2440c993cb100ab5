"""A small convolutional backbone without pretrained weights: for tests and for trials without a GPU."""

from __future__ import annotations

from torch import Tensor, nn


class SmallPyramid(nn.Module):
    """Pictures -> maps of four stages, at 1/4, 1/8, 1/16 and 1/32 of the resolution."""

    widths = (16, 32, 64, 128)

    def __init__(self) -> None:
        super().__init__()
        inputs = (3, *self.widths)
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(inputs[stage], width, 3 if stage else 7, stride=2 if stage else 4, padding=1 if stage else 3),
                nn.GroupNorm(4, width),
                nn.GELU(),
            )
            for stage, width in enumerate(self.widths)
        )

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Turn (N, 3, H, W) into four maps (N, width, h, w)."""
        maps = [pictures]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return maps[1:]
