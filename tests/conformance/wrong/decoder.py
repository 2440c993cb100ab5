"""Decoders that break what only decoders must keep."""

from __future__ import annotations

from good_components import GoodDecoder

from wrong.register import breaks


@breaks("decoder", "shape", "should give a tensor (1, 1, 8)")
class TooNarrow(GoodDecoder):
    """Reconstructs a part."""

    def forward(self, encoded, quantized):
        return super().forward(encoded, quantized)[..., :2]


@breaks("decoder", "private-only", "reads encoded.semantic")
class GoesRound(GoodDecoder):
    """Reads latents that were never quantized."""

    def forward(self, encoded, quantized):
        return super().forward(encoded, quantized) + encoded.semantic.sum(-1, keepdim=True)
