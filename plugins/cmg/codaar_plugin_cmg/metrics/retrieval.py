"""Recall in a gallery with many equal entries, as discrete codes give.

The usual R@k depends on the order in which a sort leaves equal similarities; here it is the exact expectation over all
orders, with the best and the worst order as bounds.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

DECIMALS = 6  # similarities that agree in so many decimals are equal
ROWS = 1000  # queries at a time, as a whole matrix in double precision may not fit into memory


class Standing(NamedTuple):
    """Rank of the best relevant entry of each query in the gallery, (Q,) each."""

    above: Tensor  # entries that are more similar
    block: Tensor  # entries of equal similarity, including itself
    hits: Tensor  # relevant entries of equal similarity

    def expected(self, k: int) -> float:
        """R@k if equal similarities are in random order.

        None of the ``free = k - above`` remaining places has a relevant entry with probability
        C(block - hits, free) / C(block, free).
        """
        free = (k - self.above).clamp(min=0).minimum(self.block)
        missed = (_log_choose(self.block - self.hits, free) - _log_choose(self.block, free)).exp()
        return float((1 - missed).mean())

    def optimistic(self, k: int) -> float:
        """R@k if relevant entries come before equally similar ones."""
        return self._share(self.above < k)

    def pessimistic(self, k: int) -> float:
        """R@k if relevant entries come after equally similar ones."""
        return self._share(self.above + self.block - self.hits < k)

    def _share(self, found: Tensor) -> float:
        return float((found & (self.hits > 0)).double().mean())


def standing(similarity: Tensor, relevant: Tensor) -> Standing:
    """Rank the best relevant entry of each query.

    Args:
        similarity: Similarity of queries to entries (Q, G).
        relevant: Whether an entry answers a query (Q, G).
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
    """Number of different rows of (N, W): the number of items that can be told apart."""
    return len(torch.unique(embeddings.double().round(decimals=DECIMALS), dim=0))


def _log_choose(total: Tensor, chosen: Tensor) -> Tensor:
    ways = torch.lgamma(total + 1) - torch.lgamma(chosen + 1) - torch.lgamma((total - chosen).clamp(min=0) + 1)
    return ways.masked_fill(chosen > total, -torch.inf)
