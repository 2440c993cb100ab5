"""The BiLSTM, the private features and the decoder of bert against numbers of the released code, in float64."""

from __future__ import annotations

import pytest
import torch
from codaar_plugin_bert.bidirectional_lstm import BidirectionalLstm
from codaar_plugin_bert.decoder import BertDecoder
from codaar_plugin_bert.encoder import BertEncoder

from codaar_core.api import DecoderContext, EncoderContext, Space
from codaar_core.testing.released_numbers import renaming

PRIVATE_NAMES = {"0": "text_linear"}
DECODER_NAMES = {
    "sequence.code.0": "text_linear_1",
    "sequence.code.1": "text_linear",
    "sequence.output": "text_rec",
}


def lstm_name(key: str) -> str:
    _, layer, way, tensor = key.split(".")
    return f"l.{tensor.removesuffix('0')}{layer}{'_reverse' * (way == 'back')}"


@pytest.mark.parametrize("mask", [None, torch.ones(3, 10, dtype=torch.bool)], ids=["no mask", "mask of real steps"])
def test_bidirectional_lstm(released_numbers, mask):
    lstm = BidirectionalLstm(12, hidden=8, layers=2).double()
    released_numbers("text_bilstm_small").check_function(lstm, lstm_name, lambda values: lstm(values, mask))


def test_private_features(released_numbers):
    context = EncoderContext("read", Space((5,)), Space((16,)))
    encoder = BertEncoder(BertEncoder.Config(lstm_hidden=6, private=16), context).double()
    private_map = encoder.private_map
    released_numbers("text_projection_small").check_function(private_map, renaming(PRIVATE_NAMES), private_map)


def test_decoder(released_numbers):
    context = DecoderContext("read", Space((48,)), Space((16,)), Space((12,)))
    decoder = BertDecoder(BertDecoder.Config(code=16), context).double()
    released_numbers("text_decoder_avt_small").check_decoder(decoder, renaming(DECODER_NAMES))
