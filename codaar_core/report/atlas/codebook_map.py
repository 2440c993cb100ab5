"""A map of all codebooks: two principal components of all codewords together, as in Fig. 3 of the paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


class CodebookMap(NamedTuple):
    """Positions of codewords.

    Attributes:
        points: Positions (K, 2) by modality.
        explained: Share of the variance along each of the two axes.
        shared: Whether all modalities have the same codewords.
    """

    points: dict[str, np.ndarray]
    explained: tuple[float, float]
    shared: bool


def codebook_map(codebooks: Mapping[str, np.ndarray]) -> CodebookMap | None:
    """Project all codebooks (K, D) on their two principal components.

    The sign of a component is the one with which its largest entry is positive, so that equal codebooks give equal
    maps.

    Returns:
        The map; None if codewords have different widths or are not finite.
    """
    books = [np.asarray(book, np.float64) for book in codebooks.values()]
    if len({book.shape[1:] for book in books}) != 1 or books[0].ndim != 2:
        return None
    together = np.concatenate(books)
    if not np.isfinite(together).all():
        return None
    centred = together - together.mean(0)
    variance, axes = np.linalg.eigh(centred.T @ centred)  # ascending; the matrix has the size of a codeword only
    axes, variance = axes[:, ::-1][:, :2], variance[::-1].clip(min=0)
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])])
    points = np.zeros((len(together), 2))
    points[:, : axes.shape[1]] = centred @ axes
    shares = [*(variance / (variance.sum() or 1.0)), 0.0]
    ends = np.cumsum([len(book) for book in books])[:-1]
    placed = dict(zip(codebooks, np.split(points, ends), strict=True))
    return CodebookMap(placed, (float(shares[0]), float(shares[1])), all((b == books[0]).all() for b in books))
