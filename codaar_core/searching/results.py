"""What ``search`` returns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs


@attrs.frozen
class Hit:
    """A clip that was found, or a part of it.

    Attributes:
        query: Id of the query clip; of a features file, its name without suffix.
        source: Modality of the query.
        modality: Modality that was searched.
        rank: From 1, for each query and searched modality.
        score: Cosine of averaged codewords, from -1 to 1; or of ``by="codes"`` from 0 to 1.
        id: Id of the clip.
        file: File of codes that contains it.
        start: Where the codewords occur, in seconds; None for whole clips.
        end: End of that part.
    """

    query: str
    source: str
    modality: str
    rank: int
    score: float
    id: str
    file: Path
    start: float | None = None
    end: float | None = None


@attrs.frozen
class Recall:
    """Share of queries with a right clip among the first k, by k.

    Clips of equal similarity (to six decimals) are taken in random order: this is the expected share.

    Attributes:
        source: Modality of the queries.
        modality: Modality that was searched.
        at: Recall by k.
        queries: Number of queries with a right clip.
        without: Number of queries without one, which do not count.
        clips: Number of clips searched.
        match: What makes a clip right: an equal entry in "ids" or "targets".
    """

    source: str
    modality: str
    at: Mapping[int, float]
    queries: int
    without: int
    clips: int
    match: str


@attrs.frozen
class Found:
    """Result of ``search``.

    Attributes:
        hits: By query, searched modality and rank; empty if recalls were asked for.
        recalls: One for each pair of modalities, if they were asked for.
    """

    hits: tuple[Hit, ...] = ()
    recalls: tuple[Recall, ...] = ()
