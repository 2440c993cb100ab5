"""Laws of the vggish encoder and decoder: shapes, masks, permutations, gradients, sizes and complaints."""

from __future__ import annotations

import attrs
import pytest
import torch
from codaar_plugin_vggish.decoder import VggishDecoder
from codaar_plugin_vggish.encoder import VggishEncoder
from hypothesis import given, settings
from hypothesis import strategies as st

from codaar_core.api import ComponentError, DecoderContext, Encoded, EncoderContext, Features, Quantized, Space

laws = settings(deadline=None, max_examples=25)
sizes = st.integers(1, 4)
SMALL = VggishEncoder.Config(private=6, heads=2, feedforward=8, dropout=0.0)
CONTEXT = EncoderContext("heard", Space((5,), 10), Space((8,)))


def encoder(**changes) -> VggishEncoder:
    torch.manual_seed(0)
    return VggishEncoder(attrs.evolve(SMALL, **changes), CONTEXT).double()


def decoder() -> VggishDecoder:
    torch.manual_seed(0)
    context = DecoderContext("heard", Space((12,)), encoder().private, CONTEXT.input)
    return VggishDecoder(VggishDecoder.Config(code=3), context).double()


def vectors(clips: int, steps: int) -> torch.Tensor:
    return torch.randn(clips, steps, 5, dtype=torch.double)


def quantized(clips: int, steps: int) -> Quantized:
    codes = torch.randn(clips, steps, 12, dtype=torch.double)
    return Quantized(torch.zeros(clips, steps, dtype=torch.long), codes, codes)


def masks(clips: int, steps: int):
    rows = st.lists(st.booleans(), min_size=steps, max_size=steps)
    return st.lists(rows, min_size=clips, max_size=clips).map(torch.tensor)


@laws
@given(sizes, sizes)
def test_shapes_are_as_announced(clips, steps):
    block = encoder()
    encoded = block(Features(vectors(clips, steps)))
    assert encoded.semantic.shape == (clips, steps, 8)
    assert encoded.private.shape == (clips, steps, *block.private.shape)
    assert encoded.mask is None and encoded.target is None and block.target is None
    assert decoder()(encoded, quantized(clips, steps)).shape == (clips, steps, *CONTEXT.input.shape)


@laws
@given(st.data(), sizes, sizes)
def test_masked_steps_influence_no_other(data, clips, steps):
    mask = data.draw(masks(clips, steps))
    values, block = vectors(clips, steps), encoder()
    changed = values.where(mask[..., None], vectors(clips, steps))
    before, after = block(Features(values, mask)), block(Features(changed, mask))
    assert before.semantic.isfinite().all()
    torch.testing.assert_close(before.semantic[mask], after.semantic[mask])
    torch.testing.assert_close(before.private[mask], after.private[mask])


@laws
@given(sizes, sizes, st.randoms(use_true_random=False))
def test_order_of_clips_does_not_matter(clips, steps, random):
    order = random.sample(range(clips), clips)
    values, codes = vectors(clips, steps), quantized(clips, steps)
    encode, decode = encoder(), decoder()
    encoded, shuffled = encode(Features(values)), encode(Features(values[order]))
    torch.testing.assert_close(shuffled.semantic, encoded.semantic[order])
    torch.testing.assert_close(decode(shuffled, codes._replace(full=codes.full[order])), decode(encoded, codes)[order])


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradient_reaches_every_parameter(masked, dtype):
    encode, decode = encoder().to(dtype), decoder().to(dtype)
    mask = torch.tensor([[True, True, False], [True, False, False]]) if masked else None
    encoded = encode(Features(vectors(2, 3).to(dtype), mask))
    codes = quantized(2, 3)
    output = decode(encoded, codes._replace(full=codes.full.to(dtype)))
    (output.square().mean() + encoded.semantic.pow(3).mean()).backward()
    for block in (encode, decode):
        for name, parameter in block.named_parameters():
            assert parameter.grad is not None and parameter.grad.any(), name


def test_evaluation_twice_is_equal():
    block, features = encoder(dropout=0.5).eval(), Features(vectors(2, 3))
    assert torch.equal(block(features).semantic, block(features).semantic)


def test_decoder_reads_only_the_private_features_of_the_encoder():
    encoded, codes = encoder()(Features(vectors(2, 3))), quantized(2, 3)
    stripped = Encoded(torch.full_like(encoded.semantic, torch.nan), encoded.private)
    assert torch.equal(decoder()(encoded, codes), decoder()(stripped, codes))


def test_private_activation_is_a_choice():
    features = Features(vectors(4, 4))
    linear = encoder(private_activation="none")(features).private
    assert (linear < 0).any()
    torch.testing.assert_close(encoder()(features).private, linear.relu())


def test_encoder_has_the_released_number_of_parameters():
    with torch.device("meta"):
        block = VggishEncoder(VggishEncoder.Config(), EncoderContext("heard", Space((128,)), Space((256,))))
    # released: transformer without its unused template layer, private map
    assert sum(p.numel() for p in block.parameters()) == 2_402_304 - 789_760 + 33_024


@pytest.mark.parametrize(("codes", "expected"), [(512, 262_784), (768, 328_320)])
def test_decoder_has_the_released_number_of_parameters(codes, expected):
    context = DecoderContext("heard", Space((codes,)), Space((256,)), Space((128,)))
    assert sum(p.numel() for p in VggishDecoder(VggishDecoder.Config(), context).parameters()) == expected


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (attrs.evolve(CONTEXT, input=Space((7, 7, 512))), r"needs features \(F,\), not \(7, 7, 512\)"),
        (attrs.evolve(CONTEXT, latent=Space((7,))), "2 attention heads of heard do not divide .* 7"),
    ],
)
def test_encoder_says_what_does_not_fit(context, message):
    with pytest.raises(ComponentError, match=message):
        VggishEncoder(SMALL, context)


@pytest.mark.parametrize(
    ("private", "output", "message"),
    [
        (None, Space((5,)), r"needs private features \(F,\), not None"),
        (Space((3, 3, 5)), Space((5,)), r"needs private features \(F,\), not \(3, 3, 5\)"),
        (Space((6,)), Space((7, 7, 4)), r"needs output \(F,\), not \(7, 7, 4\)"),
    ],
)
def test_decoder_says_what_does_not_fit(private, output, message):
    with pytest.raises(ComponentError, match=message):
        VggishDecoder(VggishDecoder.Config(), DecoderContext("heard", Space((12,)), private, output))


def test_without_private_features():
    bare = encoder(private=0).eval()
    features = Features(torch.randn(2, 10, 5, dtype=torch.float64))
    assert bare.private is None and bare.private_map is None
    assert bare(features).private is None
    assert bare(features).semantic.shape == (2, 10, 8)
