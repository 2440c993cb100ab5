"""Ranking with faiss, for many queries in large galleries: https://github.com/facebookresearch/faiss."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from codaar_core.api import CodaarError
from codaar_core.searching.gallery import Gallery
from codaar_core.searching.query import Queries
from codaar_core.searching.ranking import DECIMALS, Ranked, query_blocks
from codaar_core.searching.vectors import ClipVectors

LEAST_WORK = 10**9  # queries x clips from which faiss is used where it is installed
TRAINING = 40  # clips drawn for each list of an approximate index
MOST_LISTS = 4096


def is_installed() -> bool:
    """Whether faiss can be imported."""
    return find_spec("faiss") is not None


def faiss_ranking(
    queries: Queries, gallery: Gallery, vectors: ClipVectors, top: int, probes: int = 0
) -> Iterator[Ranked]:
    """Rank a gallery for every query, as ``exact_ranking`` does, with single-precision vectors in memory.

    Similarities are rounded to six decimals and may differ in the last one; so may the order of clips that are equal in
    five. With ``probes`` the gallery is divided into lists of similar clips, and only so many lists are searched.

    Args:
        queries: The queries; of another modality than the gallery.
        gallery: The searched clips.
        vectors: Averages codewords.
        top: Number of clips for each query.
        probes: Lists to search; 0: all clips.

    Raises:
        CodaarError: faiss is not installed.
    """
    if not is_installed():
        raise CodaarError("faiss is not installed", 'pip install "codaar-core[search]", or leave out --method faiss')
    index = _index(gallery, vectors, probes)
    for codes, block in query_blocks(queries, vectors):
        scores, positions = index.search(block.float().numpy(), min(top, len(gallery)))
        scores = np.where(positions < 0, np.nan, scores.astype(np.float64).round(DECIMALS))
        order = np.lexsort([positions, -scores], axis=-1)
        yield Ranked(codes, *(np.take_along_axis(each, order, -1) for each in (positions, scores)))


def _index(gallery: Gallery, vectors: ClipVectors, probes: int) -> Any:
    import faiss

    width = vectors.width
    lists = min(MOST_LISTS, max(1, int(4 * len(gallery) ** 0.5)), max(1, len(gallery) // TRAINING))
    index: Any = faiss.IndexFlatIP(width)
    if probes:
        index = faiss.IndexIVFFlat(index, width, lists, faiss.METRIC_INNER_PRODUCT)
        index.train(_drawn(gallery, vectors, lists * TRAINING))
        index.nprobe = min(probes, lists)
    for part, _, chunk in gallery.chunks():
        index.add(vectors(part.modality, chunk).float().numpy())
    return index


def _drawn(gallery: Gallery, vectors: ClipVectors, clips: int) -> np.ndarray:
    """Vectors of every n-th clip."""
    every = max(1, len(gallery) // clips)
    return (
        torch.cat([vectors(part.modality, chunk)[(-start) % every :: every] for part, start, chunk in gallery.chunks()])
        .float()
        .numpy()
    )
