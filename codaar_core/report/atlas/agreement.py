"""Index agreement of two modalities by the classes of their time steps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from codaar_core.engine.evaluation.code_measures import agreement_by_chance, usage
from codaar_core.report.atlas.codes import ClipCodes


class Agreement(NamedTuple):
    """How often two modalities have the same index at the same time step.

    Attributes:
        steps: Number of time steps that both have.
        equal: Number of those with equal indices.
        chance: Probability of equal indices in independent draws with the same usage.
        pairs: For each pair of classes that occurs: class of the first, class of the second, steps, equal steps.
    """

    steps: int
    equal: int
    chance: float | None
    pairs: list[tuple[int, int, int, int]]


def are_paired(one: ClipCodes, other: ClipCodes) -> bool:
    """Whether two modalities have the same clips, so that their steps correspond."""
    return one.whole_clips == other.whole_clips and list(one.ids) == list(other.ids)


def agreement_of(
    one: ClipCodes, other: ClipCodes, labels: tuple[np.ndarray | None, np.ndarray | None], classes: int, level: int = 0
) -> Agreement:
    """Count equal indices at the steps that both modalities have.

    Args:
        one: Codes of the first modality.
        other: Codes of the same clips in the second.
        labels: Classes (N, T) of both; a negative value or None is no class.
        classes: Number of classes.
        level: The compared level, from 0.
    """
    length = min(one.indices.shape[1], other.indices.shape[1])
    first, second = (each.indices[:, :length, level] for each in (one, other))
    both = one.real[:, :length] & other.real[:, :length]
    same = (first == second) & both
    counts = [usage(torch.from_numpy(each).long(), torch.from_numpy(both), one.size) for each in (first, second)]
    pairs: list[tuple[int, int, int, int]] = []
    if labels[0] is not None and labels[1] is not None:
        pairs = _by_class(labels[0][:, :length], labels[1][:, :length], both, same, classes)
    return Agreement(int(both.sum()), int(same.sum()), agreement_by_chance(*counts), pairs)


def _by_class(
    one: np.ndarray, other: np.ndarray, both: np.ndarray, same: np.ndarray, classes: int
) -> list[tuple[int, int, int, int]]:
    labelled = both & (one >= 0) & (other >= 0)
    key = one[labelled].astype(np.int64) * classes + other[labelled]
    steps = np.bincount(key, minlength=classes * classes)
    equal = np.bincount(key[same[labelled]], minlength=classes * classes)
    return [(int(k // classes), int(k % classes), int(steps[k]), int(equal[k])) for k in np.flatnonzero(steps)]
