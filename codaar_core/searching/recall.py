"""Recall@k of a search by vectors, as retrieval benchmarks define it: expected over the order of equal similarities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from codaar_core.api import CodaarError
from codaar_core.engine.data.codes_file import Codes, EncodedModality
from codaar_core.searching.gallery import Gallery
from codaar_core.searching.query import Queries
from codaar_core.searching.ranking import NEVER, equal_ids, in_millionths, query_blocks
from codaar_core.searching.results import Recall
from codaar_core.searching.vectors import ClipVectors

Match = Literal["auto", "ids", "targets"]


def recall_of(queries: Queries, gallery: Gallery, vectors: ClipVectors, ranks: Sequence[int], match: Match) -> Recall:
    """Search every query and count those with a right clip among the first k.

    Args:
        queries: The queries.
        gallery: The searched clips.
        vectors: Averages codewords.
        ranks: Every k.
        match: Right clips have the same entry in "ids" or "targets"; "auto": targets where both have them.

    Raises:
        CodaarError: Targets are asked for, and a file has none.
    """
    by = _match(queries, gallery, match)
    standing = [
        _standing(codes, block, queries, gallery, vectors, by) for codes, block in query_blocks(queries, vectors)
    ]
    above, tied, hits = torch.cat(standing, dim=1) if standing else torch.empty(3, 0, dtype=torch.int64)
    right = hits > 0
    return Recall(
        queries.modality,
        gallery.modality,
        {k: expected_recall(above[right], tied[right], hits[right], k) for k in ranks},
        int(right.sum()),
        int((~right).sum()),
        len(gallery),
        by,
    )


def _match(queries: Queries, gallery: Gallery, match: Match) -> Literal["ids", "targets"]:
    have = all(each.column("targets", 0, 0) is not None for each in (queries, *gallery.parts))
    if match == "targets" and not have:
        raise CodaarError(
            f"the codes of {queries.modality} or {gallery.modality} have no targets",
            "encode a benchmark whose clips have one number each, or match ids",
        )
    return "targets" if have and match != "ids" else "ids"


def _standing(codes: Codes, block: Tensor, queries: Queries, gallery: Gallery, vectors: ClipVectors, by: str) -> Tensor:
    """(3, Q): clips above the best right one, equally similar ones with itself, and right ones of these."""
    best = torch.full((len(codes.ids), 1), NEVER)
    for part, _, chunk in gallery.chunks():
        similarity, right = _compared(codes, block, queries, part, chunk, vectors, by)
        best = torch.maximum(best, similarity.masked_fill(~right, NEVER).amax(1, keepdim=True))
    counts = torch.zeros(3, len(codes.ids), dtype=torch.int64)
    for part, _, chunk in gallery.chunks():
        similarity, right = _compared(codes, block, queries, part, chunk, vectors, by)
        tied = similarity == best
        counts += torch.stack([(similarity > best).sum(1), tied.sum(1), (tied & right).sum(1)])
    return counts


def _compared(
    codes: Codes, block: Tensor, queries: Queries, part: EncodedModality, chunk: Codes, vectors: ClipVectors, by: str
) -> tuple[Tensor, Tensor]:
    """Similarities (Q, n) as whole millionths, and which clips are right."""
    similarity = in_millionths(block @ vectors(part.modality, chunk).T)
    if by == "ids":
        return similarity, torch.from_numpy(equal_ids(codes.ids, chunk.ids))
    wanted, targets = _targets(queries, codes), _targets(part, chunk)
    return similarity, torch.from_numpy(wanted[:, None] == targets)


def _targets(clips: Queries, codes: Codes) -> np.ndarray:
    found = clips.column("targets", codes.start, codes.start + len(codes.ids))
    assert found is not None  # _match has seen them
    return found


def expected_recall(above: Tensor, tied: Tensor, hits: Tensor, k: int) -> float:
    """Share of queries with a right clip among the first k, if equally similar clips are in random order.

    ``k - above`` places remain for the ``tied`` clips; the i-th of them misses all ``hits`` right ones with probability
    (tied - hits - i) / (tied - i).

    Args:
        above: Clips above the best right one (Q,).
        tied: Clips as similar as that one, with itself (Q,).
        hits: Right ones of these (Q,).
        k: Number of first clips.
    """
    missed = torch.ones(len(above), dtype=torch.float64)
    free = (k - above).clamp(min=0)
    for place in range(min(k, int(tied.max()) if len(tied) else 0)):
        share = (tied - hits - place).clamp(min=0).double() / (tied - place).clamp(min=1)
        missed *= torch.where(place < free, share, torch.ones_like(share))
    return float((1 - missed).mean()) if len(missed) else 0.0
