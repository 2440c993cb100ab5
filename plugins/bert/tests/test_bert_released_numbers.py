"""The BiLSTM, the private features and the decoder of bert against numbers of the released code, in float64."""

from __future__ import annotations

import pytest
import torch
from codaar_plugin_bert.bidirectional_lstm import BidirectionalLstm
from codaar_plugin_bert.decoder import BertDecoder
from codaar_plugin_bert.encoder import BertEncoder

from codaar_core.api import DecoderContext, Encoded, EncoderContext, Quantized, Space

DECODER_NAMES = {
    "sequence.code.0": "text_linear_1",
    "sequence.code.1": "text_linear",
    "sequence.output": "text_rec",
}


def lstm_name(key: str) -> str:
    _, layer, way, tensor = key.split(".")
    return f"l.{tensor.removesuffix('0')}{layer}{'_reverse' * (way == 'back')}"


def private_name(key: str) -> str:
    return key.replace("0.", "text_linear.")


def decoder_name(key: str) -> str:
    module, _, kind = key.rpartition(".")
    return f"{DECODER_NAMES[module]}.{kind}"


@pytest.mark.parametrize("mask", [None, torch.ones(3, 10, dtype=torch.bool)], ids=["no mask", "mask of real steps"])
def test_bidirectional_lstm(released, mask):
    numbers = released("text_bilstm_small")
    lstm = BidirectionalLstm(12, hidden=8, layers=2).double()
    numbers.load(lstm, lstm_name)
    values = numbers["in0"].requires_grad_()
    output = lstm(values, mask)
    numbers.check(output, "out0")
    output.backward(numbers["ct0"])
    numbers.check(values.grad, "grad_in0")
    numbers.check_gradients(lstm, lstm_name)


def test_private_features(released):
    numbers = released("text_projection_small")
    context = EncoderContext("read", Space((5,)), Space((16,)))
    encoder = BertEncoder(BertEncoder.Config(lstm_hidden=6, private=16), context).double()
    numbers.load(encoder.private_map, private_name)
    words = numbers["in0"].requires_grad_()
    private = encoder.private_map(words)
    numbers.check(private, "out0")
    private.backward(numbers["ct0"])
    numbers.check(words.grad, "grad_in0")
    numbers.check_gradients(encoder.private_map, private_name)


def test_decoder(released):
    numbers = released("text_decoder_avt_small")
    private, full = numbers["in0"].requires_grad_(), numbers["in1"].requires_grad_()
    context = DecoderContext("read", Space((48,)), Space((16,)), Space((12,)))
    decoder = BertDecoder(BertDecoder.Config(code=16), context).double()
    numbers.load(decoder, decoder_name)
    output = decoder(Encoded(full, private), Quantized(full, full, full))
    numbers.check(output, "out0")
    output.backward(numbers["ct0"])
    numbers.check(private.grad, "grad_in0")
    numbers.check(full.grad, "grad_in1")
    numbers.check_gradients(decoder, decoder_name)
