"""Search by cosine in a gallery too large for one matrix, and its recall for each order of equal codes."""

from __future__ import annotations

import attrs
import torch
from codaar_plugin_cmg.metrics import Standing
from codaar_plugin_cmg.metrics import distinct as distinct_embeddings
from torch import Tensor
from torch.nn import functional as F

from codaar_core.api import Predicted

EQUAL = 1e-6  # cosines that differ by less are equal
AT_ONCE = 4_000_000  # cosines in memory


@attrs.frozen
class Search:
    """Ranks of the queries' items; of several right entries, the best one counts."""

    standing: Standing  # per query (Q,): entries above the best right one, equally similar ones, right ones of these
    after: Tensor  # (Q,): equally similar entries that follow the last right one in the gallery
    distinct: float  # distinct embeddings per item in the gallery; at most 1


def search(queries: Predicted, gallery: Predicted) -> Search:
    """Rank the gallery for every query.

    Args:
        queries: Embeddings (Q, W) and the item number (Q,) of each.
        gallery: Embeddings (G, W) and their item numbers (G,); contains every query's item.
    """
    entries = F.normalize(gallery.prediction, dim=-1)
    places = places_of_items(gallery.target, items=int(max(queries.target.max(), gallery.target.max())) + 1)
    rows = max(1, AT_ONCE // len(entries))
    parts = [
        _counted(part @ entries.T, places[items])
        for part, items in zip(
            F.normalize(queries.prediction, dim=-1).split(rows), queries.target.split(rows), strict=True
        )
    ]
    above, block, hits, after = (torch.cat(each).double() for each in zip(*parts, strict=True))
    share = distinct_embeddings(gallery.prediction) / len(gallery.target.unique())
    return Search(Standing(above, block, hits), after, min(1.0, share))


def places_of_items(target: Tensor, items: int) -> Tensor:
    """Positions of each item's entries, ascending: (G,) -> (items, largest number of entries), padded with -1."""
    count = target.bincount(minlength=items)
    order = target.argsort(stable=True)
    number = torch.arange(len(target), device=target.device) - (count.cumsum(0) - count)[target[order]]
    places = target.new_full((items, int(count.max())), -1)
    places[target[order], number] = order
    return places


def _counted(similarity: Tensor, places: Tensor) -> tuple[Tensor, ...]:
    """The four counts of ``Search`` per query, from cosines (q, G) and positions of right entries (q, R)."""
    own = similarity.gather(1, places.clamp(min=0)).masked_fill(places < 0, -torch.inf)
    best = own.amax(1, keepdim=True)
    above = (similarity > best + EQUAL).sum(1)
    tied = (similarity >= best - EQUAL).sum(1) - above
    hits = (own >= best - EQUAL) & (places >= 0)
    right = hits.sum(1)
    last = places.masked_fill(~hits, -1).amax(1, keepdim=True)
    after = torch.zeros_like(above)
    shared = tied > right  # few queries, unless codes tie
    equal = (similarity[shared] - best[shared]).abs() <= EQUAL
    position = torch.arange(similarity.shape[1], device=similarity.device)
    after[shared] = (equal & (position > last[shared])).sum(1)
    return above, tied, right, after


def expected(found: Search, k: int) -> float:
    """R@k if equal cosines are in random order."""
    return found.standing.expected(k)


def optimistic(found: Search, k: int) -> float:
    """R@k if right entries come first among equals."""
    return found.standing.optimistic(k)


def pessimistic(found: Search, k: int) -> float:
    """R@k if right entries come last among equals."""
    return found.standing.pessimistic(k)


def by_index(found: Search, k: int) -> float:
    """R@k if the later entry comes first among equals: ``argsort()[::-1]``, as in released code."""
    return float((found.standing.above + found.after < k).double().mean())


def distinct(found: Search) -> float:
    """Fraction of the gallery's items that could be told apart at best."""
    return found.distinct
