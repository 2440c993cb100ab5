"""Under autocast, ``PreciseLstm`` equals torch's LSTM without autocast, for tensors and packed sequences."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from codaar_core.nn import PreciseLstm


def test_autocast_changes_nothing():
    torch.manual_seed(0)
    ours, plain = PreciseLstm(3, 4, 2, batch_first=True), nn.LSTM(3, 4, 2, batch_first=True)
    plain.load_state_dict(ours.state_dict())
    steps = torch.randn(2, 5, 3).bfloat16()
    packed = pack_padded_sequence(steps, torch.tensor([5, 2]), batch_first=True)
    expected, expected_packed = plain(steps.float())[0], plain(packed.float())[0].data
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ours(steps)[0], expected)
        assert torch.equal(ours(packed)[0].data, expected_packed)
