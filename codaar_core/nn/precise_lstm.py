"""LSTM that autocast leaves alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from codaar_core.api.not_compiled import not_compiled


class PreciseLstm(nn.LSTM):
    """``LSTM`` that computes in the precision of its weights under autocast: many CPUs have none in bfloat16."""

    @not_compiled
    def forward(self, input: Any, hx: tuple[Tensor, Tensor] | None = None) -> Any:
        """Run over a tensor or a ``PackedSequence``, as ``LSTM.forward``."""
        weight = next(self.parameters())
        with torch.autocast(weight.device.type, enabled=False):
            return super().forward(input.to(weight.dtype), hx or self._zeros(input, weight))

    def _zeros(self, input: Any, weight: Tensor) -> tuple[Tensor, Tensor] | None:
        """The initial state of clips in a tensor: one zero tensor for both of its parts, where torch makes two."""
        if not isinstance(input, Tensor) or input.dim() < 3:
            return None
        clips = input.shape[0 if self.batch_first else 1]
        zeros = weight.new_zeros(self.num_layers * (1 + self.bidirectional), clips, self.hidden_size)
        return zeros, zeros
