"""Laws of the bert encoder and decoder: shapes, masks, permutations, gradients and sizes."""

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

from codaar_core.api import DecoderContext, EncoderContext, Features, Space
from codaar_core.testing.encoder_laws import VectorEncoderLaws, masks

laws = settings(deadline=None, max_examples=25)
sizes = st.integers(1, 4)
SMALL = BertEncoder.Config(lstm_hidden=3, private=6, heads=2, feedforward=8, dropout=0.0)
CONTEXT = EncoderContext("read", Space((5,), 10), Space((8,)))


def encoder(**changes) -> BertEncoder:
    torch.manual_seed(0)
    return BertEncoder(attrs.evolve(SMALL, **changes), CONTEXT).double()


def vectors(clips: int, steps: int) -> torch.Tensor:
    return torch.randn(clips, steps, 5, dtype=torch.double)


class TestLaws(VectorEncoderLaws):
    code_width = 12

    def encoder(self, **changes) -> BertEncoder:
        return encoder(**changes)

    def decoder(self) -> BertDecoder:
        torch.manual_seed(0)
        context = DecoderContext("read", Space((12,)), encoder().private, encoder().target)
        return BertDecoder(BertDecoder.Config(code=3), context).double()

    def values(self, clips: int, steps: int) -> torch.Tensor:
        return vectors(clips, steps)


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


def test_the_lstm_does_not_synchronise_with_the_device():
    """Reading a value of a fake tensor would raise an error."""
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


def test_encoder_has_the_released_number_of_parameters():
    with torch.device("meta"):
        block = BertEncoder(BertEncoder.Config(), EncoderContext("read", Space((768,)), Space((256,))))
    # released: BiLSTM, transformer without its unused template layer, private map
    assert sum(p.numel() for p in block.parameters()) == 1_314_816 + 2_435_072 - 789_760 + 65_792


def test_decoder_has_the_released_number_of_parameters():
    context = DecoderContext("read", Space((768,)), Space((256,)), Space((256,)))
    assert sum(p.numel() for p in BertDecoder(BertDecoder.Config(), context).parameters()) == 393_984
