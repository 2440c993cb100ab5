"""Decoder of a modality with one vector a step."""

from __future__ import annotations

import attrs
from attrs.validators import ge
from torch import Tensor

from codaar_core.api import ComponentError, Decoder, DecoderContext, Encoded, Quantized, Space, setting
from codaar_core.nn.sequence_decoder import SequenceDecoder


class VectorDecoder(Decoder):
    """Linear maps of the code, joined with the private features (released code of arXiv 2605.12145).

    Raises:
        ComponentError: The private features or the output are no vectors.
    """

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of the decoder."""

        code: int = setting(256, "width of the mapped code", ge(1))

    def __init__(self, config: Config, context: DecoderContext) -> None:
        super().__init__(config, context)
        private = _width("private features", context.private, context.modality)
        output = _width("output", context.output, context.modality)
        self.sequence = SequenceDecoder(context.code_space.width, private, hidden=config.code, output=output)

    def forward(self, encoded: Encoded, quantized: Quantized) -> Tensor:
        """Reconstruct (B, T, F)."""
        return self.sequence(quantized.full, encoded.private)


def _width(what: str, space: Space | None, modality: str) -> int:
    if space is None or len(space.shape) != 1:
        raise ComponentError(
            f"the decoder of {modality} needs {what} (F,), not {space and space.shape}",
            "take encoder and decoder of one plug-in, or another decoder",
        )
    return space.width
