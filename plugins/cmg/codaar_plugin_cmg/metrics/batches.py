"""Scores that the released code averages over batches: they differ from those of the whole split."""

from __future__ import annotations

from torch import Tensor

from codaar_core.api import Metric


def batched(metric: Metric, size: int) -> Metric:
    """Measure each batch of ``size`` clips, in order, and take the mean weighted by the clips in a batch."""

    def measure(prediction: Tensor, target: Tensor) -> float:
        parts = zip(prediction.split(size), target.split(size), strict=True)
        return sum(len(part) * float(metric(part, truth)) for part, truth in parts) / len(prediction)

    return measure


def harmonic_mean(precision: Metric, recall: Metric) -> Metric:
    """F1 as released: of the two scores as they are averaged; 0 where both are 0 (the released code stops there)."""

    def measure(prediction: Tensor, target: Tensor) -> float:
        p, r = float(precision(prediction, target)), float(recall(prediction, target))
        return 2 * p * r / (p + r) if p + r else 0.0

    return measure
