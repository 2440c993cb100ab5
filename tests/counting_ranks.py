"""Ranks that count their exchanges."""

from __future__ import annotations

from torch import Tensor

from codaar_core.api import Ranks


class CountingRanks:
    """Exchanges as other ranks do, and counts how often.

    Attributes:
        exchanges: Number of exchanges so far.
    """

    def __init__(self, ranks: Ranks) -> None:
        self.rank, self.size, self.exchanges = ranks.rank, ranks.size, 0
        self.ranks = ranks

    def sum(self, value: Tensor) -> Tensor:
        """The sum over all ranks."""
        self.exchanges += 1
        return self.ranks.sum(value)

    def gather(self, value: Tensor) -> Tensor:
        """All ranks' tensors, concatenated."""
        self.exchanges += 1
        return self.ranks.gather(value)
