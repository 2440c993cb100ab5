"""Bidirectional LSTM that reads real steps only."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from codaar_core.nn import PreciseLstm


class BidirectionalLstm(nn.Module):
    """Runs over the real steps of each clip as if the masked ones were not there; zero where masked.

    Args:
        input: Width F of the features.
        hidden: Width of one direction; the output is twice as wide.
        layers: Number of layers.
    """

    def __init__(self, input: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.lstm = PreciseLstm(input, hidden, layers, batch_first=True, bidirectional=True)

    def forward(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        """Turn (B, T, F) into (B, T, 2 hidden); without ``mask`` (B, T) every step is read, padding too."""
        if mask is None:
            return self.lstm(features)[0]
        real_first = (~mask).byte().argsort(dim=1, stable=True)
        packed = _pack(_take(features, real_first), mask)
        output, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=mask.shape[1])
        return _take(output, real_first.argsort(dim=1)) * mask.unsqueeze(-1)


def _take(steps: Tensor, order: Tensor) -> Tensor:
    """Reorder the steps (B, T, F) of each clip."""
    return steps.take_along_dim(order.unsqueeze(-1), dim=1)


def _pack(steps: Tensor, mask: Tensor) -> nn.utils.rnn.PackedSequence:
    """Pack clips whose real steps come first; torch wants lengths on the host, and at least one step of each."""
    lengths = mask.sum(dim=1).clamp(min=1).cpu()
    return pack_padded_sequence(steps, lengths, batch_first=True, enforce_sorted=False)
