"""Decoder of sequences of vectors: full code and private features -> reconstruction."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SequenceDecoder(nn.Module):
    """Two linear maps of the code, joined with the private features, and a linear map to the output.

    There is no non-linearity between them, as in the released code of arXiv 2605.12145.

    Args:
        codes: Width W of the full code.
        private: Width P of the private features.
        hidden: Width of the mapped code.
        output: Width of the reconstruction.
    """

    def __init__(self, codes: int, private: int, hidden: int, output: int) -> None:
        super().__init__()
        self.code = nn.Sequential(nn.Linear(codes, hidden), nn.Linear(hidden, hidden))
        self.output = nn.Linear(hidden + private, output)

    def forward(self, full: Tensor, private: Tensor) -> Tensor:
        """Map (..., W) and (..., P) to (..., output)."""
        return self.output(torch.cat([self.code(full), private], dim=-1))
