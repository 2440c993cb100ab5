"""Laws of the vgg encoder and decoder: shapes, masks, permutations, gradients, sizes and refusals."""

from __future__ import annotations

import attrs
import pytest
import torch
from codaar_plugin_vgg.attention import SpatialAttention
from codaar_plugin_vgg.decoder import VggDecoder
from codaar_plugin_vgg.encoder import VggEncoder

from codaar_core.api import ComponentError, DecoderContext, EncoderContext, Features, Space
from codaar_core.testing.encoder_laws import EncoderLaws

SMALL = VggEncoder.Config(channels=(6, 5), reduction=2, attention=8, heads=2, feedforward=8, dropout=0.0)
CONTEXT = EncoderContext("seen", Space((6, 7, 4), 10), Space((8,)))
PAPER = EncoderContext("seen", Space((7, 7, 512), 10), Space((256,)))


def encoder(**changes) -> VggEncoder:
    torch.manual_seed(0)
    return VggEncoder(attrs.evolve(SMALL, **changes), CONTEXT).double()


def maps(clips: int, steps: int) -> torch.Tensor:
    """Non-negative, as VGG's are."""
    return torch.randn(clips, steps, *CONTEXT.input.shape, dtype=torch.double).relu()


class TestLaws(EncoderLaws):
    code_width = 12
    variants = ({"spatial": "constant"}, {"spatial": "softmax"})

    def encoder(self, **changes) -> VggEncoder:
        return encoder(**changes)

    def decoder(self) -> VggDecoder:
        torch.manual_seed(0)
        context = DecoderContext("seen", Space((12,)), encoder().private, CONTEXT.input)
        return VggDecoder(VggDecoder.Config(code=3, hidden=6, output_hidden=5), context).double()

    def values(self, clips: int, steps: int) -> torch.Tensor:
        return maps(clips, steps)


def test_spatial_attention_against_a_loop():
    torch.manual_seed(0)
    attention = SpatialAttention(4, 3).double()
    values = torch.randn(2, 3, 2, 4, dtype=torch.double)
    mean = values.mean((1, 2))
    for n in range(2):
        cells = [values[n, h, w] for h in range(3) for w in range(2)]
        shown = attention.mean(mean[n]).relu()
        scores = [attention.score(attention.cell(cell).relu() * shown).tanh().exp() for cell in cells]
        expected = sum(score * cell for score, cell in zip(scores, cells, strict=True)) / sum(scores)
        torch.testing.assert_close(attention(values, mean)[n], expected)


def test_constant_pooling_is_the_sum_of_strengthened_cells():
    block, values = encoder(), maps(2, 3)
    means = values.mean((2, 3))
    pooled = 42 * means * (1 + block.channel_attention.strength(means))
    torch.testing.assert_close(block(Features(values)).semantic, block.temporal(pooled))


@pytest.mark.parametrize(
    ("spatial", "expected"),
    [
        # released: encoder without its constant spatial attention, transformer without its unused template layer
        ("constant", 23_930_625 - 262_913 + 2_500_608 - 789_760),
        ("softmax", 23_930_625 + 2_500_608 - 789_760),
    ],
)
def test_encoder_has_the_released_number_of_parameters(spatial, expected):
    with torch.device("meta"):
        block = VggEncoder(VggEncoder.Config(spatial=spatial), PAPER)
    assert sum(p.numel() for p in block.parameters()) == expected


@pytest.mark.parametrize(("codes", "expected"), [(512, 36_899_328), (768, 36_964_864)])
def test_decoder_has_the_released_number_of_parameters(codes, expected):
    with torch.device("meta"):
        context = DecoderContext("seen", Space((codes,)), Space((3, 3, 2048)), PAPER.input)
        block = VggDecoder(VggDecoder.Config(), context)
    assert sum(p.numel() for p in block.parameters()) == expected


@pytest.mark.parametrize(
    ("config", "context", "message"),
    [
        (SMALL, attrs.evolve(CONTEXT, input=Space((128,))), r"features \(H, W, C\).*not \(128,\)"),
        (SMALL, attrs.evolve(CONTEXT, input=Space((4, 7, 8))), r"at least 5, not \(4, 7, 8\)"),
        (SMALL, attrs.evolve(CONTEXT, latent=Space((7,))), "2 attention heads of seen do not divide .* 7"),
        (attrs.evolve(SMALL, reduction=8), CONTEXT, "leaves nothing of the 4 channels"),
    ],
)
def test_encoder_refuses_what_does_not_fit(config, context, message):
    with pytest.raises(ComponentError, match=message):
        VggEncoder(config, context)


@pytest.mark.parametrize(
    ("private", "output", "message"),
    [
        (None, CONTEXT.input, "needs an encoder with a private map"),
        (Space((256,)), CONTEXT.input, "needs an encoder with a private map"),
        (Space((3, 3, 5)), CONTEXT.input, r"makes maps of \(7, 7\) cells, not \(6, 7, 4\)"),
        (Space((3, 3, 5)), Space((128,)), r"not \(128,\)"),
    ],
)
def test_decoder_refuses_what_does_not_fit(private, output, message):
    with pytest.raises(ComponentError, match=message):
        VggDecoder(VggDecoder.Config(), DecoderContext("seen", Space((12,)), private, output))


def test_without_private_features():
    bare = encoder(channels=()).eval()
    features = Features(torch.randn(2, 10, 6, 7, 4, dtype=torch.float64))
    assert bare.private is None and bare.private_map is None
    assert bare(features).private is None
    assert bare(features).semantic.shape == (2, 10, 8)


def test_private_convolutions_are_two_or_none():
    with pytest.raises(ValueError, match=r"two widths, or none: \[\]"):
        VggEncoder.Config(channels=(4,))
