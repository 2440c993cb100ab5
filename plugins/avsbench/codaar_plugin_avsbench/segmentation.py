"""Head "avs-segmentation": codes of a clip and its pictures -> a mask per picture."""

from __future__ import annotations

from typing import Literal

import attrs
import torch
from attrs.validators import ge
from torch import Tensor, nn
from torch.nn import functional as F

from codaar_core.api import ComponentError, HeadContext, Quantized, Space, TaskHead, setting
from codaar_plugin_avsbench.backbones import STRIDE, build_backbone
from codaar_plugin_avsbench.mask_decoder import DilatedSum, MaskDecoder
from codaar_plugin_avsbench.mask_metrics import levels
from codaar_plugin_avsbench.tpavi import Tpavi


class AvsSegmentation(TaskHead):
    """The network of AVSBench (ECCV 2022) with codes in place of audio features (released code of arXiv 2605.12145).

    Raises:
        ComponentError: The benchmark gives no pictures, their side is not a multiple of 32, or weights are unusable.
    """

    example = {"backbone": "small", "channels": 8}
    example_given = Space((5, 3, 32, 32))

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of the segmentation head."""

        backbone: Literal["pvt-v2-b5", "small"] = setting(
            "pvt-v2-b5", "network on the pictures: PVT-v2-b5 (released), or four convolutions, which run on a CPU"
        )
        weights: str | None = setting(
            None, "file pvt_v2_b5.pth with the ImageNet weights of PVT-v2-b5; needed by that backbone"
        )
        frozen: bool = setting(False, "whether the backbone is not trained (released code: it is trained)")
        channels: int = setting(256, "width of the fused and decoded maps; a multiple of 8", ge(8))

    def __init__(self, config: Config, context: HeadContext) -> None:
        super().__init__(config, context)
        _check(config, context.given)
        self.backbone = build_backbone(config.backbone, config.weights).requires_grad_(not config.frozen)
        self.narrow = nn.ModuleList(DilatedSum(width, config.channels) for width in self.backbone.widths)
        self.fuse = nn.ModuleList(Tpavi(config.channels, context.code_space.width) for _ in self.backbone.widths)
        self.decoder = MaskDecoder(config.channels)

    def train(self, mode: bool = True) -> AvsSegmentation:
        """A frozen backbone stays in evaluation mode."""
        super().train(mode)
        if self.config.frozen:
            self.backbone.eval()
        return self

    def forward(self, quantized: Quantized, frames: Tensor) -> Tensor:
        """Give logits (B, N, H, W) of frames (B, N, 3, H, W), for any number of codes."""
        clips, number = frames.shape[:2]
        codes = one_a_frame(quantized.full, quantized.mask, number)
        maps = self.backbone(frames.flatten(0, 1))
        maps = [narrow(each) for narrow, each in zip(self.narrow, maps, strict=True)]
        maps = [each.unflatten(0, (clips, number)).transpose(1, 2) for each in maps]
        maps = [fuse(each, codes) for fuse, each in zip(self.fuse, maps, strict=True)]
        maps = [each.transpose(1, 2).flatten(0, 1) for each in maps]
        return self.decoder(maps).squeeze(1).unflatten(0, (clips, number))

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Binary cross-entropy of the first M frames with masks (B, M, H, W): of the first alone in training clips."""
        seen = logits[:, : target.shape[1]]
        return F.binary_cross_entropy_with_logits(seen, (target > 0).to(logits.dtype))

    def predict(self, logits: Tensor) -> Tensor:
        """Probabilities in 255 levels, (B, N, H, W) uint8: see ``mask_metrics.levels``."""
        return levels(logits.to(torch.promote_types(logits.dtype, torch.float32)).sigmoid())


def one_a_frame(codes: Tensor, mask: Tensor | None, frames: int) -> Tensor:
    """Distribute codes (B, T, W) over frames (B, N, W): each frame gets the mean of the real steps in its time span.

    For five frames, five steps are unchanged, of ten steps each frame gets the mean of two, and a single step goes to
    all frames. A frame without a real step in its span gets the mean of the whole clip.
    """
    real = torch.ones_like(codes[..., :1]) if mask is None else mask.unsqueeze(-1).to(codes.dtype)
    sums, counts = (_pooled(each, frames) for each in (codes * real, real))
    whole = _pooled(codes * real, 1) / _pooled(real, 1).clamp_min(torch.finfo(codes.dtype).tiny)
    return torch.where(counts > 0, sums / counts.clamp_min(torch.finfo(codes.dtype).tiny), whole)


def _pooled(steps: Tensor, number: int) -> Tensor:
    return F.adaptive_avg_pool1d(steps.transpose(1, 2), number).transpose(1, 2)


def _check(config: AvsSegmentation.Config, given: Space | None) -> None:
    if config.channels % 8:
        raise ComponentError(f"channels = {config.channels} is not a multiple of 8", "256 is the released width")
    if given is None:
        raise ComponentError("this head segments pictures, and the benchmark gives none", "use it for avsbench-s4")
    height, width = given.shape[-2:]
    if height % STRIDE or width % STRIDE:
        raise ComponentError(
            f"pictures of {width} x {height} pixels do not fit the four stages of the backbone",
            f"use pictures whose sides are multiples of {STRIDE}; those of AVSBench are 224",
        )
