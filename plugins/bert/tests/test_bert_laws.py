"""Laws of the bert encoder and decoder: shapes, masks, permutations, gradients, sizes and complaints."""

from __future__ import annotations

import attrs
import pytest
import torch
from codaar_plugin_bert.bidirectional_lstm import BidirectionalLstm
from codaar_plugin_bert.decoder import BertDecoder
from codaar_plugin_bert.encoder import BertEncoder
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses import FakeTensorMode

from codaar_core.api import ComponentError, DecoderContext, Encoded, EncoderContext, Features, Quantized, Space

laws = settings(deadline=None, max_examples=25)
sizes = st.integers(1, 4)
SMALL = BertEncoder.Config(lstm_hidden=3, private=6, heads=2, feedforward=8, dropout=0.0)
CONTEXT = EncoderContext("read", Space((5,), 10), Space((8,)))


def encoder(**changes) -> BertEncoder:
    torch.manual_seed(0)
    return BertEncoder(attrs.evolve(SMALL, **changes), CONTEXT).double()


def decoder() -> BertDecoder:
    torch.manual_seed(0)
    context = DecoderContext("read", Space((12,)), encoder().private, encoder().target)
    return BertDecoder(BertDecoder.Config(code=3), context).double()


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
    assert encoded.target.shape == (clips, steps, *block.target.shape)
    assert decoder()(encoded, quantized(clips, steps)).shape == encoded.target.shape


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
    torch.testing.assert_close(before.target[mask], after.target[mask])


@laws
@given(st.data(), sizes, st.integers(1, 6))
def test_lstm_reads_real_steps_as_if_the_masked_were_not_there(data, clips, steps):
    mask = data.draw(masks(clips, steps))
    torch.manual_seed(0)
    values, lstm = vectors(clips, steps), BidirectionalLstm(5, hidden=3, layers=2).double()
    output = lstm(values, mask)
    assert not output[~mask].any()
    for clip in range(clips):
        if mask[clip].any():
            alone = lstm(values[clip : clip + 1, mask[clip]])
            torch.testing.assert_close(output[clip, mask[clip]], alone[0])


def test_the_lstm_asks_the_device_for_nothing():
    """Tensors without values cannot answer."""
    with FakeTensorMode():
        lstm, mask = BidirectionalLstm(5, hidden=3, layers=2), torch.ones(2, 4, dtype=torch.bool)
        assert lstm(torch.empty(2, 4, 5), mask).shape == (2, 4, 6)


@pytest.mark.parametrize("detach", [False, True])
def test_target_carries_a_gradient_unless_detached(detach):
    target = encoder(detach_target=detach)(Features(vectors(2, 3))).target
    assert target.requires_grad is not detach


def test_padding_is_skipped_or_read_as_zeros():
    mask = torch.tensor([[True, True, False], [True, False, False]])
    values = vectors(2, 3)
    padded = values.masked_fill(~mask[..., None], 0)
    read = encoder(padding="read")
    released = read(Features(padded))
    assert released.mask is None
    for ours, theirs in zip(read(Features(values, mask)), released, strict=True):
        assert ours is theirs is None or torch.equal(ours, theirs)
    skipped = encoder()(Features(values, mask))
    assert torch.equal(skipped.mask, mask)
    assert not torch.allclose(skipped.semantic[:, 0], released.semantic[:, 0])


@pytest.mark.parametrize("padding", ["skipped", "read"])
def test_a_summary_is_the_mean_word_encoded_as_one_step(padding):
    mask = torch.tensor([[True, True, False], [True, True, True]])
    block, values = encoder(padding=padding), vectors(2, 3)
    whole = block.summary(Features(values, mask))
    assert whole.semantic.shape == (2, 1, 8) and whole.mask is None
    for clip, real in enumerate((2, 3)):
        mean = block.words(values[clip : clip + 1, :real]).mean(1, keepdim=True)
        torch.testing.assert_close(whole.semantic[clip : clip + 1], block.temporal(mean))
    torch.testing.assert_close(block.summary(Features(values[1:])).semantic, whole.semantic[1:])


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
        block = BertEncoder(BertEncoder.Config(), EncoderContext("read", Space((768,)), Space((256,))))
    # released: BiLSTM, transformer without its unused template layer, private map
    assert sum(p.numel() for p in block.parameters()) == 1_314_816 + 2_435_072 - 789_760 + 65_792


def test_decoder_has_the_released_number_of_parameters():
    context = DecoderContext("read", Space((768,)), Space((256,)), Space((256,)))
    assert sum(p.numel() for p in BertDecoder(BertDecoder.Config(), context).parameters()) == 393_984


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (attrs.evolve(CONTEXT, input=Space((7, 7, 512))), r"needs features \(F,\), not \(7, 7, 512\)"),
        (attrs.evolve(CONTEXT, latent=Space((7,))), "2 attention heads of read do not divide .* 7"),
    ],
)
def test_encoder_says_what_does_not_fit(context, message):
    with pytest.raises(ComponentError, match=message):
        BertEncoder(SMALL, context)


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
        BertDecoder(BertDecoder.Config(), DecoderContext("read", Space((12,)), private, output))


def test_without_private_features():
    bare = encoder(private=0).eval()
    features = Features(torch.randn(2, 10, 5, dtype=torch.float64))
    assert bare.private is None and bare.private_map is None
    assert bare(features).private is None
    assert bare(features).semantic.shape == (2, 10, 8)
