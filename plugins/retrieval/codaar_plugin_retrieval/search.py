"""Search by cosine in a gallery too large for one matrix, and the recall of it however equal codes are ordered."""

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
    """What the queries found; of several right entries, the best one counts."""

    standing: Standing  # of each query (Q,): entries above it, entries as similar, right ones among these
    after: Tensor  # (Q,): of the entries as similar, those that follow the last right one in the gallery
    distinct: float  # distinct embeddings in the gallery, for each item in it; at most 1


def search(queries: Predicted, gallery: Predicted) -> Search:
    """Let every query look for its item among the entries of the gallery.

    Args:
        queries: Embeddings (Q, W), and the number of the item (Q,) that each belongs to.
        gallery: Embeddings (G, W), and their items (G,); every query's item must be there.
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
    """Where the entries (G,) of each item stand: (items, most entries of one), ascending, -1 where there is none."""
    count = target.bincount(minlength=items)
    order = target.argsort(stable=True)
    number = torch.arange(len(target), device=target.device) - (count.cumsum(0) - count)[target[order]]
    places = target.new_full((items, int(count.max())), -1)
    places[target[order], number] = order
    return places


def _counted(similarity: Tensor, places: Tensor) -> tuple[Tensor, ...]:
    """The four counts of some queries, from cosines (q, G) and places of right entries (q, R)."""
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
    """R@k where equal cosines stand in random order."""
    return found.standing.expected(k)


def optimistic(found: Search, k: int) -> float:
    """R@k where right entries stand first among equals."""
    return found.standing.optimistic(k)


def pessimistic(found: Search, k: int) -> float:
    """R@k where right entries stand last among equals."""
    return found.standing.pessimistic(k)


def by_index(found: Search, k: int) -> float:
    """R@k where the later entry stands first among equals: ``argsort()[::-1]``, as released code sorts."""
    return float((found.standing.above + found.after < k).double().mean())


def distinct(found: Search) -> float:
    """Share of the gallery's items that could be told apart at best."""
    return found.distinct
