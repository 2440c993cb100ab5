r"""Where the codewords of a query occur, by the inverted index.

A run is a longest part of a clip whose every time step has a codeword of the query; up to ``gap`` other steps may lie
between two such steps. Let n_q(k) be how often the query has codeword k, n_r(k) how often the run has it, N the number
of searched clips and f(k) how many of them contain k. Rare codewords weigh more: w(k) = ln(1 + N / max(f(k), 1)). The
score of a run is the weighted share of the query's steps that it can be matched with:

    sum_k w(k) min(n_q(k), n_r(k)) / sum_k w(k) n_q(k)

It is 1 if the run has all codewords of the query as often as the query, in any order; it is rounded to twelve decimals,
so that sums of equal weights are equal on every machine. A step with several codes counts once for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from codaar_core.engine.data.codes_file import Codes
from codaar_core.searching.gallery import Gallery
from codaar_core.searching.positions import Occurrences, PositionIndex
from codaar_core.searching.query import Queries


class Run(NamedTuple):
    """A part of a clip.

    Attributes:
        position: Position of the clip in the gallery.
        score: From 0 to 1.
        first: First time step.
        last: Last time step.
    """

    position: int
    score: float
    first: int
    last: int


def best_runs(
    queries: Queries, gallery: Gallery, indexes: Sequence[PositionIndex], top: int, gap: int
) -> Iterator[tuple[str, list[Run]]]:
    """Id and best runs of every query; equal scores are in the order of clips and steps.

    Clips of the same modality with the id of the query are left out.

    Args:
        queries: The queries.
        gallery: The searched clips.
        indexes: The inverted index of each part of the gallery.
        top: Number of runs for each query.
        gap: Steps without a codeword of the query that do not end a run.
    """
    frequency = sum(index.frequency(gallery.modality) for index in indexes)
    weights = np.log1p(len(gallery) / np.maximum(frequency, 1))
    for codes in queries.chunks():
        for row, id in enumerate(codes.ids):
            own = own_positions(id, gallery) if queries.modality == gallery.modality else np.empty(0, np.int64)
            yield id, _best(codes, row, gallery, indexes, weights, own, top, gap)


def own_positions(id: str, gallery: Gallery) -> np.ndarray:
    """Positions of the clips with an id."""
    return np.array(
        [start + row for _, start, chunk in gallery.chunks() for row, each in enumerate(chunk.ids) if each == id],
        np.int64,
    )


def _best(
    codes: Codes,
    row: int,
    gallery: Gallery,
    indexes: Sequence[PositionIndex],
    weights: np.ndarray,
    own: np.ndarray,
    top: int,
    gap: int,
) -> list[Run]:
    codewords, counts = np.unique(codes.indices[row][codes.mask[row]], return_counts=True)
    found: list[Run] = []
    if not len(codewords):
        return found
    for index, start in zip(indexes, gallery.starts, strict=False):
        for block in index.occurrences(gallery.modality, codewords):
            runs = runs_of(block, counts, weights[codewords], gap)
            runs = runs._replace(clips=runs.clips + start)
            found += _first(runs, ~np.isin(runs.clips, own), top)
            found = sorted(found, key=lambda run: (-run.score, run.position, run.first))[:top]
    return found


class Runs(NamedTuple):
    """The runs of a block (R,): row of the clip, score, first and last time step."""

    clips: np.ndarray
    scores: np.ndarray
    first: np.ndarray
    last: np.ndarray


def runs_of(found: Occurrences, counts: np.ndarray, weights: np.ndarray, gap: int) -> Runs:
    """Runs and their scores.

    Args:
        found: Where the codewords of the query occur, in order of clips and steps.
        counts: How often the query has each of its codewords.
        weights: Weight of each.
        gap: Steps without a codeword of the query that do not end a run.
    """
    begins = np.ones(len(found.clips), bool)
    begins[1:] = (np.diff(found.clips) != 0) | (np.diff(found.steps) > gap + 1)
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], len(begins)) - 1 if len(starts) else starts
    number = begins.cumsum() - 1
    pairs, often = np.unique(number * len(counts) + found.codewords, return_counts=True)
    runs, places = np.divmod(pairs, len(counts))
    matched = np.minimum(often, counts[places]) * weights[places]
    scores = np.bincount(runs, matched, minlength=len(starts)) / (counts * weights).sum()
    return Runs(found.clips[starts], scores.round(12), found.steps[starts], found.steps[ends])


def _first(runs: Runs, kept: np.ndarray, top: int) -> list[Run]:
    """The best runs of a block."""
    order = np.lexsort([runs.first, runs.clips, -runs.scores])
    return [
        Run(int(runs.clips[each]), float(runs.scores[each]), int(runs.first[each]), int(runs.last[each]))
        for each in order[kept[order]][:top]
    ]
