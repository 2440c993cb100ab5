"""Encoder: features of one modality -> latents for the quantizer."""

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
    """What is known when an encoder is built."""

    modality: str
    input: Space  # of the features
    latent: Space  # (D,): what the quantizer wants


class Encoder(Component, nn.Module):
    """Encodes one modality, knowing nothing of the others."""

    kind: ClassVar[str] = "encoder"

    @property
    def private(self) -> Space | None:
        """Space of ``Encoded.private``; None where the encoder gives none."""
        return None

    @property
    def target(self) -> Space | None:
        """Space of ``Encoded.target``; None where the input itself is to be reconstructed."""
        return None

    @property
    def clipped_apart(self) -> Sequence[nn.Module]:
        """Parts of which each has its gradient norm clipped by itself; the rest is clipped with all encoders."""
        return ()

    @abstractmethod
    def forward(self, features: Features) -> Encoded:
        """Encode (B, T, *shape) to ``semantic`` (B, T, D); steps with a False mask must not influence the others."""

    def summary(self, features: Features) -> Encoded:
        """Encode whole clips as one step each, ``semantic`` (B, 1, D): the mean over the real steps."""
        return Encoded(self(features).mean().unsqueeze(1))
