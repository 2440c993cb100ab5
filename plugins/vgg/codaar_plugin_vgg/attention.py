"""Attention over the channels and over the cells of feature maps (N, H, W, C)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class ChannelAttention(nn.Module):
    """Squeeze and excitation with a skip: x (1 + s), s = sigmoid(W2 relu(W1 mean)).

    Args:
        channels: Width C of the maps.
        reduction: C is squeezed to C // reduction.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        squeezed = channels // reduction
        self.strength = nn.Sequential(
            nn.Linear(channels, squeezed, bias=False),
            nn.ReLU(),
            nn.Linear(squeezed, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, maps: Tensor, mean: Tensor) -> Tensor:
        """Scale the channels of (N, H, W, C), given their mean (N, C) over cells."""
        return maps * (1 + self.strength(mean))[:, None, None]


class SpatialAttention(nn.Module):
    """Pools cells by a softmax over all of them: tanh(w q), q = relu(A cell) * relu(A' mean).

    Args:
        channels: Width C of the maps.
        hidden: Width of q.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.cell = nn.Linear(channels, hidden)
        self.mean = nn.Linear(channels, hidden)
        self.score = nn.Linear(hidden, 1)

    def forward(self, maps: Tensor, mean: Tensor) -> Tensor:
        """Pool (N, H, W, C) to (N, C); ``mean`` (N, C) is that of the maps before channel attention."""
        cells = maps.flatten(1, 2)
        # Hidden values take half the memory of the features and are cheap to recompute in the backward pass.
        scores = checkpoint(self._scores, cells, mean, use_reentrant=False, preserve_rng_state=False)
        weights = scores.tanh().softmax(dim=1)
        return (weights.transpose(1, 2) @ cells).squeeze(1)

    def _scores(self, cells: Tensor, mean: Tensor) -> Tensor:
        """Compute w q of (N, cells, C) as (N, cells, 1) without materialising q."""
        direction = self.mean(mean).relu() * self.score.weight
        return self.cell(cells).relu() @ direction[..., None] + self.score.bias


class ConstantAttention(nn.Module):
    """Pools cells by their sum.

    The spatial attention of the released code is equal to it: its softmax runs over an axis of size one.
    """

    def forward(self, maps: Tensor, mean: Tensor) -> Tensor:
        """Pool (N, H, W, C) to (N, C); the mean is not used."""
        return torch.sum(maps, dim=(1, 2))
