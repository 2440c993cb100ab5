"""LSTM that autocast leaves alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence


class PreciseLstm(nn.LSTM):
    """``LSTM`` in the precision of its weights, whatever autocast is on: many CPUs have none in bfloat16."""

    def forward(
        self, steps: Tensor | PackedSequence, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor | PackedSequence, tuple[Tensor, Tensor]]:
        """As that of ``LSTM``."""
        weight = self.weight_ih_l0
        with torch.autocast(weight.device.type, enabled=False):
            return super().forward(steps.to(weight.dtype), state)
