"""The most similar clips of a gallery, exactly: products of matrices, a chunk of the gallery at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from codaar_core.engine.data.codes_file import Codes
from codaar_core.searching.gallery import Gallery
from codaar_core.searching.query import Queries
from codaar_core.searching.vectors import ClipVectors

QUERIES = 4000  # vectors of queries in memory
DECIMALS = 6  # similarities that agree in so many decimals are equal: codes are discrete, so many are
SCALE = 10**DECIMALS
LATEST = 2**32  # positions are smaller
NEVER = torch.iinfo(torch.int64).min  # the similarity of a clip that is left out


class Ranked(NamedTuple):
    """The most similar clips of some queries.

    Attributes:
        queries: Codes of the queries.
        positions: Positions in the gallery (Q, k), best first; -1 where the gallery has fewer clips.
        scores: Cosines (Q, k), rounded to six decimals.
    """

    queries: Codes
    positions: np.ndarray
    scores: np.ndarray


def query_blocks(queries: Queries, vectors: ClipVectors) -> Iterator[tuple[Codes, Tensor]]:
    """The queries and their vectors, some at a time."""
    for codes in queries.chunks(QUERIES):
        yield codes, vectors(queries.modality, codes)


def exact_ranking(queries: Queries, gallery: Gallery, vectors: ClipVectors, top: int) -> Iterator[Ranked]:
    """Rank a gallery for every query; equal similarities are in the order of the gallery.

    Clips of the same modality with the id of the query are left out.

    Args:
        queries: The queries.
        gallery: The searched clips.
        vectors: Averages codewords.
        top: Number of clips k for each query.
    """
    for codes, of_queries in query_blocks(queries, vectors):
        best = torch.empty(len(codes.ids), 0, dtype=torch.int64)
        for part, start, chunk in gallery.chunks():
            keys = sortable(of_queries @ vectors(part.modality, chunk).T, start)
            if queries.modality == gallery.modality:
                keys[torch.from_numpy(equal_ids(codes.ids, chunk.ids))] = NEVER
            both = torch.cat([best, keys], dim=1)
            best = both.topk(min(top, both.shape[1]), dim=1).values
        yield Ranked(codes, *decoded(best))


def sortable(similarity: Tensor, start: int) -> Tensor:
    """Integers (Q, n) that order by similarity, and equal ones by their position, from ``start`` on."""
    positions = torch.arange(start, start + similarity.shape[1])
    return in_millionths(similarity) * LATEST + (LATEST - 1 - positions)


def in_millionths(similarity: Tensor) -> Tensor:
    """Similarities as whole numbers, equal where they agree in six decimals."""
    return (similarity.double() * SCALE).round().long()


def decoded(keys: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Positions and similarities of ``sortable``; -1 and NaN for a clip that was left out."""
    positions = (LATEST - 1 - keys % LATEST).masked_fill(keys == NEVER, -1)
    scores = (keys // LATEST).double() / SCALE
    return positions.numpy(), scores.masked_fill(keys == NEVER, torch.nan).numpy()


def equal_ids(queries: Sequence[str], clips: Sequence[str]) -> np.ndarray:
    """Whether a clip has the id of a query (Q, n)."""
    numbers = {id: number for number, id in enumerate(dict.fromkeys(queries))}
    of_queries = np.array([numbers[id] for id in queries], dtype=np.int64)
    return of_queries[:, None] == np.array([numbers.get(id, -1) for id in clips], dtype=np.int64)
