"""Recall of a gallery in which many entries are equal: discrete codes tie in whole blocks.

What a sort happens to do with equal similarities decides the usual R@k; here it is the exact expectation over all
their orders, with the best and the worst order as bounds.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

DECIMALS = 6  # similarities equal to so many are equal
ROWS = 1000  # queries at a time: a whole matrix in double precision may not fit


class Standing(NamedTuple):
    """Where the best relevant entry of each query stands in the gallery: (Q,) each."""

    above: Tensor  # entries more similar than it
    block: Tensor  # entries as similar as it, itself too
    hits: Tensor  # those of them that are relevant

    def expected(self, k: int) -> float:
        """R@k where equal similarities stand in random order.

        The ``free = k - above`` places that are left for the block all miss with probability
        C(block - hits, free) / C(block, free).
        """
        free = (k - self.above).clamp(min=0).minimum(self.block)
        missed = (_log_choose(self.block - self.hits, free) - _log_choose(self.block, free)).exp()
        return float((1 - missed).mean())

    def optimistic(self, k: int) -> float:
        """R@k where relevant entries stand before others as similar."""
        return self._share(self.above < k)

    def pessimistic(self, k: int) -> float:
        """R@k where relevant entries stand behind others as similar."""
        return self._share(self.above + self.block - self.hits < k)

    def _share(self, found: Tensor) -> float:
        return float((found & (self.hits > 0)).double().mean())


def standing(similarity: Tensor, relevant: Tensor) -> Standing:
    """Look for the best relevant entry of each query.

    Args:
        similarity: Of queries to entries (Q, G).
        relevant: True where an entry answers a query (Q, G).
    """
    parts = [_standing(*part) for part in zip(similarity.split(ROWS), relevant.split(ROWS), strict=True)]
    return Standing(*map(torch.cat, zip(*parts, strict=True)))


def _standing(similarity: Tensor, relevant: Tensor) -> Standing:
    similarity = similarity.double().round(decimals=DECIMALS)
    best = similarity.masked_fill(~relevant, -torch.inf).amax(1, keepdim=True)
    tied = similarity == best
    return Standing(*(each.sum(1).double() for each in (similarity > best, tied, tied & relevant)))


def expected_recall(similarity: Tensor, relevant: Tensor, k: int) -> float:
    """R@k of a matrix of similarities; see ``standing`` and ``Standing.expected``."""
    return standing(similarity, relevant).expected(k)


def distinct(embeddings: Tensor) -> int:
    """Number of different rows of (N, W): how many items can be told apart at all."""
    return len(torch.unique(embeddings.double().round(decimals=DECIMALS), dim=0))


def _log_choose(total: Tensor, chosen: Tensor) -> Tensor:
    ways = torch.lgamma(total + 1) - torch.lgamma(chosen + 1) - torch.lgamma((total - chosen).clamp(min=0) + 1)
    return ways.masked_fill(chosen > total, -torch.inf)
