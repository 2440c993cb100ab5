"""Decoder: reconstructs one modality from its codes and private features."""

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
    """Passed to a decoder when it is built.

    Attributes:
        modality: Name of the modality.
        code_space: Space (W,) of ``Quantized.full``.
        private: Space of ``Encoded.private``; None if the encoder returns none.
        output: Space of the reconstruction: that of ``Encoded.target`` if the encoder has one, else of the input.
    """

    modality: str
    code_space: Space
    private: Space | None
    output: Space

    codes = renamed("codes", "code_space")


class Decoder(Component, nn.Module):
    """Reconstructs one modality."""

    kind: ClassVar[str] = "decoder"

    @abstractmethod
    def forward(self, encoded: Encoded, quantized: Quantized) -> Tensor:
        """Return the reconstruction (B, T, *output.shape); only ``encoded.private`` may be read, not the latents."""
