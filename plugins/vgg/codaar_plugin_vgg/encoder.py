"""Encoder of video: VGG feature maps (H, W, C) -> latents, and a smaller map as private features."""

from __future__ import annotations

from typing import ClassVar, Literal

import attrs
import torch
from attrs.validators import and_, deep_iterable, ge
from torch import Tensor

from codaar_core.api import ComponentError, Encoded, Encoder, EncoderContext, Features, Space, setting
from codaar_core.nn import TemporalSettings
from codaar_plugin_vgg.attention import ChannelAttention, ConstantAttention, SpatialAttention
from codaar_plugin_vgg.private_map import SHRINK, PrivateMap


def two_or_none(_: object, field: attrs.Attribute[tuple[int, ...]], value: tuple[int, ...]) -> None:
    """Check that a tuple has two widths or is empty."""
    if len(value) not in (0, 2):
        raise ValueError(f"{field.name} must be two widths, or none: []")


class VggEncoder(Encoder):
    """Channel attention, pooling of cells, attention over time; two private convolutions (arXiv 2605.12145).

    ``private`` is (H - 4, W - 4, P).

    Raises:
        ComponentError: The features are not maps of at least 5x5 cells, or a setting does not fit their width.
    """

    called: ClassVar = "vgg"
    example: ClassVar = {"channels": (4, 8), "feedforward": 16}
    examples: ClassVar = (
        {"spatial": "softmax", "identical_layers": False},
        {"channels": (), "normalise": True},
        {"channels": (), "whole_clips": "training"},
        {"channels": (), "whole_clips": "always"},
    )

    @attrs.frozen(kw_only=True)
    class Config(TemporalSettings):
        """Settings of the vgg encoder."""

        channels: tuple[int, ...] = setting(
            (1024, 2048),
            "widths of the two private convolutions, or [] for no private features",
            and_(deep_iterable(ge(1)), two_or_none),
        )
        reduction: int = setting(8, "factor by which channel attention reduces the width of the features", ge(1))
        spatial: Literal["constant", "softmax"] = setting(
            "constant", 'pooling of cells: "constant" sums them (released code), "softmax" weights them (paper)'
        )
        attention: int = setting(256, 'hidden width of spatial attention, used with spatial = "softmax"', ge(1))

    def __init__(self, config: Config, context: EncoderContext) -> None:
        super().__init__(config, context)
        _check_maps(context, self.called)
        _check_reduction(config, context)
        self.input = context.input
        width = context.input.width
        self.channel_attention = ChannelAttention(width, config.reduction)
        self.pool = SpatialAttention(width, config.attention) if config.spatial == "softmax" else ConstantAttention()
        self.temporal = config.transformer(width, context)
        self.private_map = PrivateMap(width, config.channels) if config.channels else None

    @property
    def private(self) -> Space | None:
        """(H - 4, W - 4, P)."""
        if self.private_map is None:
            return None
        height, width, _ = self.input.shape
        return Space((height - SHRINK, width - SHRINK, self.config.channels[1]), self.input.length)

    def forward(self, features: Features) -> Encoded:
        """Encode (B, T, H, W, C)."""
        encoded, attended = self._encode(features)
        if self.private_map is None:
            return encoded
        private = self.private_map(attended, None if features.mask is None else features.mask.flatten())
        return Encoded(encoded.semantic, private.unflatten(0, features.values.shape[:2]), encoded.mask, encoded.target)

    def semantic_only(self, features: Features) -> Encoded:
        """Encode (B, T, H, W, C) without the convolutions of the private features, which take most of the time."""
        return self._encode(features)[0]

    def _encode(self, features: Features) -> tuple[Encoded, Tensor]:
        """Latents, and the attended frames (N, H, W, C)."""
        attended, pooled = self._attend(features.values.flatten(0, 1))
        latents = self.temporal(pooled.unflatten(0, features.values.shape[:2]), features.mask)
        return Encoded(latents, mask=features.mask), attended

    def _attend(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Scale the channels of frames (N, H, W, C), and pool their cells to (N, C)."""
        with torch.autocast(frames.device.type, enabled=False):  # code assignment is precision-sensitive
            mean = frames.mean(dim=(1, 2))
            attended = self.channel_attention(frames, mean)
            return attended, self.pool(attended, mean)


def _check_maps(context: EncoderContext, called: str) -> None:
    shape = context.input.shape
    if len(shape) != 3 or min(shape[:2]) <= SHRINK:
        raise ComponentError(
            f"the {called} encoder of {context.modality} needs features (H, W, C) with H and W at least 5, not {shape}",
            "give it feature maps from before global pooling, e.g. VGG-19 pool5 (7, 7, 512)",
        )


def _check_reduction(config: VggEncoder.Config, context: EncoderContext) -> None:
    width = context.input.width
    if width < config.reduction:
        raise ComponentError(
            f"reduction {config.reduction} leaves nothing of the {width} channels of {context.modality}",
            f"set reduction to at most {width}",
        )
