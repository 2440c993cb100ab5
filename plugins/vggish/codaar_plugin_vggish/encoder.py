"""Encoder of audio: VGGish embeddings (F,) -> latents, and a linear map as private features."""

from __future__ import annotations

from typing import ClassVar

import attrs

from codaar_core.api import Encoded, Encoder, EncoderContext, Features, Space
from codaar_core.nn import VectorSettings, check_vectors


class VggishEncoder(Encoder):
    """Attention over time; a linear map with ReLU beside it (released code of arXiv 2605.12145).

    Raises:
        ComponentError: The features are not vectors, or the heads do not divide the latent width.
    """

    called: ClassVar = "vggish"
    expected: ClassVar = "VGGish embeddings (128,)"
    example: ClassVar = {"private": 8, "feedforward": 16}
    examples: ClassVar = (
        {"private_activation": "none", "identical_layers": False},
        {"input_dropout": 0.3, "normalise": True},
        {"private": 0, "whole_clips": "training"},
        {"private": 0, "whole_clips": "always"},
    )

    @attrs.frozen(kw_only=True)
    class Config(VectorSettings):
        """Settings of the vggish encoder."""

    def __init__(self, config: Config, context: EncoderContext) -> None:
        super().__init__(config, context)
        check_vectors(context, self.called, self.expected)
        self.length = context.input.length
        self.temporal = config.transformer(context.input.width, context)
        self.private_map = config.private_map(context.input.width)

    @property
    def private(self) -> Space | None:
        """(P,)."""
        return Space((self.config.private,), self.length) if self.private_map else None

    def forward(self, features: Features) -> Encoded:
        """Encode (B, T, F)."""
        values, mask = features
        private = self.private_map(values) if self.private_map else None
        return Encoded(self.temporal(values, mask), private, mask)
