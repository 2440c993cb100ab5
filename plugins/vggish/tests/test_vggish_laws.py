"""Laws of the vggish encoder and decoder: shapes, masks, permutations, gradients and sizes."""

from __future__ import annotations

import attrs
import pytest
import torch
from codaar_plugin_vggish.decoder import VggishDecoder
from codaar_plugin_vggish.encoder import VggishEncoder

from codaar_core.api import DecoderContext, EncoderContext, Space
from codaar_core.testing.encoder_laws import VectorEncoderLaws

SMALL = VggishEncoder.Config(private=6, heads=2, feedforward=8, dropout=0.0)
CONTEXT = EncoderContext("heard", Space((5,), 10), Space((8,)))


class TestLaws(VectorEncoderLaws):
    code_width = 12

    def encoder(self, **changes) -> VggishEncoder:
        torch.manual_seed(0)
        return VggishEncoder(attrs.evolve(SMALL, **changes), CONTEXT).double()

    def decoder(self) -> VggishDecoder:
        torch.manual_seed(0)
        context = DecoderContext("heard", Space((12,)), Space((6,)), CONTEXT.input)
        return VggishDecoder(VggishDecoder.Config(code=3), context).double()

    def values(self, clips: int, steps: int) -> torch.Tensor:
        return torch.randn(clips, steps, 5, dtype=torch.double)


def test_encoder_has_the_released_number_of_parameters():
    with torch.device("meta"):
        block = VggishEncoder(VggishEncoder.Config(), EncoderContext("heard", Space((128,)), Space((256,))))
    # released: transformer without its unused template layer, private map
    assert sum(p.numel() for p in block.parameters()) == 2_402_304 - 789_760 + 33_024


@pytest.mark.parametrize(("codes", "expected"), [(512, 262_784), (768, 328_320)])
def test_decoder_has_the_released_number_of_parameters(codes, expected):
    context = DecoderContext("heard", Space((codes,)), Space((256,)), Space((128,)))
    assert sum(p.numel() for p in VggishDecoder(VggishDecoder.Config(), context).parameters()) == expected
