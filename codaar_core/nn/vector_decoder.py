"""Decoder of a modality with one vector a step."""

from __future__ import annotations

import attrs
import torch
from attrs.validators import ge
from torch import Tensor, nn

from codaar_core.api import ComponentError, Decoder, DecoderContext, Encoded, Quantized, Space, setting


class SequenceDecoder(nn.Module):
    """Two linear maps of the code, concatenated with the private features, and a linear map to the output.

    There is no non-linearity between them, as in the released code of arXiv 2605.12145.

    Args:
        codes: Width W of the full code.
        private: Width P of the private features.
        hidden: Width of the mapped code.
        output: Width of the reconstruction.
    """

    def __init__(self, codes: int, private: int, hidden: int, output: int) -> None:
        super().__init__()
        self.code = nn.Sequential(nn.Linear(codes, hidden), nn.Linear(hidden, hidden))
        self.output = nn.Linear(hidden + private, output)

    def forward(self, full: Tensor, private: Tensor) -> Tensor:
        """Map full codes (..., W) and private features (..., P) to (..., output)."""
        return self.output(torch.cat([self.code(full), private], dim=-1))


class VectorDecoder(Decoder):
    """A ``SequenceDecoder`` of full codes and private features (released code of arXiv 2605.12145).

    Raises:
        ComponentError: The private features or the output are not vectors.
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
            "use the encoder and the decoder of the same plug-in, or another decoder",
        )
    return space.width
