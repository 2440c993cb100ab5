"""Scores averaged over batches, as in the released code; they differ from those of the whole split."""

from __future__ import annotations

from torch import Tensor

from codaar_core.api import Metric


def batched(metric: Metric, size: int) -> Metric:
    """The mean of a metric over batches of ``size`` clips in order, weighted by the clips of a batch."""

    def measure(prediction: Tensor, target: Tensor) -> float:
        parts = zip(prediction.split(size), target.split(size), strict=True)
        return sum(len(part) * float(metric(part, truth)) for part, truth in parts) / len(prediction)

    return measure


def harmonic_mean(precision: Metric, recall: Metric) -> Metric:
    """F1 of two averaged scores, as released; 0 if both are 0, where the released code fails."""

    def measure(prediction: Tensor, target: Tensor) -> float:
        p, r = float(precision(prediction, target)), float(recall(prediction, target))
        return 2 * p * r / (p + r) if p + r else 0.0

    return measure
