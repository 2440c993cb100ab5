"""Decoder: codes and private features of one modality -> reconstruction."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import attrs
from torch import Tensor, nn

from codaar_core.api.component import Component
from codaar_core.api.deprecation import renamed
from codaar_core.api.records import Encoded, Quantized, Space


@attrs.frozen
class DecoderContext:
    """What is known when a decoder is built."""

    modality: str
    code_space: Space  # (W,) of Quantized.full
    private: Space | None  # of Encoded.private
    output: Space  # to reconstruct: the encoder's target, else the input

    codes = renamed("codes", "code_space")


class Decoder(Component, nn.Module):
    """Reconstructs one modality."""

    kind: ClassVar[str] = "decoder"

    @abstractmethod
    def forward(self, encoded: Encoded, quantized: Quantized) -> Tensor:
        """Give the reconstruction (B, T, *output.shape). Only ``encoded.private`` may be read, not the latents."""
