"""Bidirectional LSTM that reads real steps only."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from codaar_core.api import not_compiled
from codaar_core.nn import PreciseLstm


class BidirectionalLstm(nn.Module):
    """Runs over the real steps of each clip as if the masked steps were absent; the output is zero where masked.

    Sequences are not packed, because the host would wait for their lengths. Instead, masked steps are moved behind the
    real ones in both directions, where they have no influence on them.

    Args:
        input: Width F of the features.
        hidden: Width of one direction; the output is twice as wide.
        layers: Number of layers.
    """

    def __init__(self, input: int, hidden: int, layers: int) -> None:
        super().__init__()
        widths = [input, *[2 * hidden] * (layers - 1)]
        self.layers = nn.ModuleList(
            nn.ModuleDict({way: PreciseLstm(width, hidden, batch_first=True) for way in ("forth", "back")})
            for width in widths
        )

    @not_compiled
    def forward(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map (B, T, F) to (B, T, 2 hidden); without ``mask`` (B, T) every step is read, including padding."""
        if mask is None:
            return self._read(features, lambda steps: steps.flip(1))
        real_first = (~mask).byte().argsort(dim=1, stable=True)
        reverse = _reverse(mask)
        real = features.masked_fill(~mask.unsqueeze(-1), 0)
        output = self._read(_take(real, real_first), lambda steps: _take(steps, reverse))
        return _take(output, real_first.argsort(dim=1)) * mask.unsqueeze(-1)

    def _read(self, steps: Tensor, reversed_: Callable[[Tensor], Tensor]) -> Tensor:
        for layer in self.layers:
            steps = torch.cat([layer["forth"](steps)[0], reversed_(layer["back"](reversed_(steps))[0])], dim=2)
        return steps


def _reverse(mask: Tensor) -> Tensor:
    """The order (B, T) that reverses the real steps, which come first, and keeps the others behind them."""
    position, length = torch.arange(mask.shape[1], device=mask.device), mask.sum(dim=1, keepdim=True)
    return (length - 1 - position).where(position < length, position)


def _take(steps: Tensor, order: Tensor) -> Tensor:
    """Reorder the steps (B, T, F) of each clip."""
    return steps.take_along_dim(order.unsqueeze(-1), dim=1)
