"""Open-set metrics of (prediction, target) of a whole split.

A prediction (N, C + 1) has the probabilities of the C known classes, and in the last column the threshold below which a
clip is unknown. Targets (N,) are class indices; C is any unknown class. Every metric is a fraction from 0 to 1, and 0
where the clips that it needs are missing.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

THRESHOLDS = 10  # of the released code


class Accuracies(NamedTuple):
    """Accuracies on known and on unknown clips.

    Attributes:
        known: OS*, share of the known clips that are not rejected and have the right class.
        unknown: UNK, share of the unknown clips that are rejected.
    """

    known: float
    unknown: float

    @property
    def harmonic_mean(self) -> float:
        """H-score; 0 if both are 0."""
        total = self.known + self.unknown
        return 2 * self.known * self.unknown / total if total else 0.0


def at_threshold(prediction: Tensor, target: Tensor, threshold: Tensor | None = None) -> Accuracies:
    """Decide with a threshold (scalar or (N,)); None: with that of the last column of the prediction."""
    classes = prediction.shape[-1] - 1
    largest, best = prediction[:, :classes].max(-1)
    rejected = largest < (prediction[:, classes] if threshold is None else threshold)
    unknown = target == classes
    right = (best == target) & ~rejected
    return Accuracies(_share(right, ~unknown), _share(rejected, unknown))


def best_of_ten(prediction: Tensor, target: Tensor) -> Accuracies:
    """Decide with the best of ten thresholds between the least and the largest maximum probability of these clips.

    This is how the released code of MICU (ICCV 2025) tests: the labels of the test clips choose the threshold.
    """
    largest = prediction[:, :-1].amax(-1)
    thresholds = torch.linspace(0, 1, THRESHOLDS, dtype=largest.dtype) * (largest.max() - largest.min()) + largest.min()
    return max((at_threshold(prediction, target, each) for each in thresholds), key=lambda each: each.harmonic_mean)


def auroc(prediction: Tensor, target: Tensor) -> float:
    """Probability that a known clip has a larger maximum probability than an unknown one; ties count half."""
    classes = prediction.shape[-1] - 1
    largest, unknown = prediction[:, :classes].amax(-1), target == classes
    return _larger(largest[~unknown], largest[unknown], int((~unknown).sum()))


def oscr(prediction: Tensor, target: Tensor) -> float:
    """Area under the curve of correct classification rate over false positive rate (arXiv 1811.04110), trapezoids.

    The correct classification rate is the share of the known clips with the right class and a maximum probability of
    at least the threshold, the false positive rate the share of the unknown clips with such a probability.
    """
    classes = prediction.shape[-1] - 1
    largest, best = prediction[:, :classes].max(-1)
    unknown = target == classes
    return _larger(largest[best == target], largest[unknown], int((~unknown).sum()))


def _larger(scores: Tensor, others: Tensor, count: int) -> float:
    """Mean over ``count`` clips and all ``others`` of 1 where a score is larger and 1/2 where it is equal."""
    if not count or not len(others):
        return 0.0
    others = others.sort().values.contiguous()
    below = torch.searchsorted(others, scores.contiguous()) + torch.searchsorted(
        others, scores.contiguous(), right=True
    )
    return float(below.double().sum() / 2 / len(others) / count)


def _share(part: Tensor, whole: Tensor) -> float:
    return float((part & whole).double().sum() / whole.sum().clamp_min(1))
