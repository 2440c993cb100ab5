"""TPAVI: attention of every pixel of a clip to the codes of all its steps (AVSBench, ECCV 2022)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Tpavi(nn.Module):
    """Temporal pixel-wise interaction of codes with a feature map, as a residual, with the released parameter names.

    The released code computes attention between all pixels of a clip, (THW)^2 numbers. There is no softmax, and all
    pixels of a frame share one key, so the product of keys and values, averaged over the pixels of each frame, can be
    computed first. The result is the same, with memory linear in the number of pixels.

    Args:
        channels: C of the maps.
        width: W of the codes.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        inner = channels // 2
        self.align_channel = nn.Linear(width, channels)
        self.theta = nn.Conv3d(channels, inner, 1)
        self.phi = nn.Conv3d(channels, inner, 1)
        self.g = nn.Conv3d(channels, inner, 1)
        self.W_z = nn.Sequential(nn.Conv3d(inner, channels, 1), nn.BatchNorm3d(channels))
        self.norm_layer = nn.LayerNorm(channels)
        nn.init.zeros_(self.W_z[1].weight)  # the residual is zero at the start

    def forward(self, maps: Tensor, codes: Tensor) -> Tensor:
        """Fuse maps (B, C, T, H, W) with codes (B, T, width)."""
        aligned = self.align_channel(codes).transpose(1, 2)[..., None, None]
        keys = self.phi(aligned).flatten(2)
        values = self.g(maps.mean((3, 4), keepdim=True)).flatten(2)
        context = keys @ values.transpose(1, 2) / keys.shape[2]
        answers = torch.einsum("bkthw,bkv->bvthw", self.theta(maps), context)
        fused = maps + self.W_z(answers)
        return self.norm_layer(fused.movedim(1, -1)).movedim(-1, 1)
