"""Decoders that break what only decoders must keep."""

from __future__ import annotations

from good_components import GoodDecoder

from wrong.register import alters, breaks


@alters(GoodDecoder, "forward", "shape", "should give a tensor (1, 1, 8)")
def too_narrow(reconstruction):
    """Reconstructs a part."""
    return reconstruction[..., :2]


@breaks("private-only", "reads encoded.semantic")
class GoesRound(GoodDecoder):
    """Reads latents that were never quantized."""

    def forward(self, encoded, quantized):
        return super().forward(encoded, quantized) + encoded.semantic.sum(-1, keepdim=True)
