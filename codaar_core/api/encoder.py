"""Encoder: turns the features of one modality into latents for the quantizer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import attrs
from torch import nn

from codaar_core.api.component import Component
from codaar_core.api.records import Encoded, Features, Space


@attrs.frozen
class EncoderContext:
    """Passed to an encoder when it is built.

    Attributes:
        modality: Name of the modality.
        input: Space of the features.
        latent: Space (D,) of the latents that the quantizer expects.
    """

    modality: str
    input: Space
    latent: Space


class Encoder(Component, nn.Module):
    """Encodes one modality, without access to the others."""

    kind: ClassVar[str] = "encoder"

    @property
    def private(self) -> Space | None:
        """Space of ``Encoded.private``; None if the encoder returns none."""
        return None

    @property
    def target(self) -> Space | None:
        """Space of ``Encoded.target``; None if the input itself is reconstructed."""
        return None

    @property
    def clipped_apart(self) -> Sequence[nn.Module]:
        """Modules whose gradient norms are clipped separately; the rest is clipped together with all encoders."""
        return ()

    @abstractmethod
    def forward(self, features: Features) -> Encoded:
        """Encode features (B, T, *shape) to ``semantic`` (B, T, D); masked time steps must not affect the others."""

    def semantic_only(self, features: Features) -> Encoded:
        """Encode as ``forward`` does, without private features and target, which only decoders read.

        Codes need no more. Override it where the others are expensive; ``semantic`` must stay the same.
        """
        return self(features)._replace(private=None, target=None)

    def summary(self, features: Features) -> Encoded:
        """Encode each clip as one time step, ``semantic`` (B, 1, D); by default the mean over its real steps."""
        return Encoded(self.semantic_only(features).mean().unsqueeze(1))
