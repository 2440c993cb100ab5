"""Encoder of audio: VGGish embeddings (F,) -> latents, and a linear map as private features."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import ge
from torch import nn

from codaar_core.api import ComponentError, Encoded, Encoder, EncoderContext, Features, Space, setting
from codaar_core.nn import TemporalSettings


class VggishEncoder(Encoder):
    """Attention over time; a linear map with ReLU beside it (released code of arXiv 2605.12145).

    Raises:
        ComponentError: The features are no vectors, or the heads do not divide the latent width.
    """

    @attrs.frozen(kw_only=True)
    class Config(TemporalSettings):
        """Settings of the vggish encoder."""

        private: int = setting(256, "width P of the private features; 0: none", ge(0))
        private_activation: Literal["relu", "none"] = setting(
            "relu", 'after the private linear map: "relu" (released code) or "none" (paper)'
        )

    def __init__(self, config: Config, context: EncoderContext) -> None:
        super().__init__(config, context)
        _check_vectors(context)
        self.length = context.input.length
        width = context.input.width
        self.temporal = config.transformer(width, context)
        activation = nn.ReLU() if config.private_activation == "relu" else nn.Identity()
        self.private_map = nn.Sequential(nn.Linear(width, config.private), activation) if config.private else None

    @property
    def private(self) -> Space | None:
        """(P,)."""
        return Space((self.config.private,), self.length) if self.private_map else None

    def forward(self, features: Features) -> Encoded:
        """Encode (B, T, F)."""
        values, mask = features
        private = self.private_map(values) if self.private_map else None
        return Encoded(self.temporal(values, mask), private, mask)


def _check_vectors(context: EncoderContext) -> None:
    shape = context.input.shape
    if len(shape) != 1:
        raise ComponentError(
            f"the vggish encoder of {context.modality} needs features (F,), not {shape}",
            "give it one vector a step, e.g. VGGish embeddings (128,)",
        )
