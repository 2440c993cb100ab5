"""Metrics of multi-hot labels (N, T, classes), positive above one half; the last class is background."""

from __future__ import annotations

from torch import Tensor

from codaar_core.api import Metric


def micro_precision(prediction: Tensor, target: Tensor) -> float:
    """Fraction of predicted labels that are true, with background: the "segment-level accuracy" of CMG papers."""
    right, predicted, _ = _counts(prediction, target)
    return _ratio(right, predicted)


def micro_recall(prediction: Tensor, target: Tensor) -> float:
    """Fraction of true labels that are predicted, with background."""
    right, _, true = _counts(prediction, target)
    return _ratio(right, true)


def micro_f1(prediction: Tensor, target: Tensor) -> float:
    """F1 over all labels, with background."""
    right, predicted, true = _counts(prediction, target)
    return _ratio(2 * right, predicted + true)


def foreground(metric: Metric) -> Metric:
    """The metric without background, the last class."""

    def measure(prediction: Tensor, target: Tensor) -> float:
        return float(metric(prediction[..., :-1], target[..., :-1]))

    return measure


def segment_f1(prediction: Tensor, target: Tensor) -> float:
    """F1 over all labels except background."""
    return micro_f1(prediction[..., :-1], target[..., :-1])


def _counts(prediction: Tensor, target: Tensor) -> tuple[int, int, int]:
    """Labels that are right, predicted and true."""
    predicted, true = prediction > 0.5, target > 0.5
    return int((predicted & true).sum()), int(predicted.sum()), int(true.sum())


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
