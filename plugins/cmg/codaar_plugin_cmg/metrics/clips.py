"""Metrics with one class per clip: predictions and targets are class indices (N,)."""

from __future__ import annotations

import torch
from torch import Tensor


def accuracy(prediction: Tensor, target: Tensor) -> float:
    """Fraction of clips with the right class."""
    return float((prediction == target).double().mean())


def macro_precision(prediction: Tensor, target: Tensor) -> float:
    """Mean precision of the classes that were predicted at all: the "precision" of the released CoDAAR code."""
    right, predicted, _ = _counts(prediction, target)
    return float((right / predicted)[predicted > 0].mean())


def class_precision(prediction: Tensor, target: Tensor) -> float:
    """Mean precision of the classes that were predicted or are true; 0 for a class that was not predicted."""
    right, predicted, true = _counts(prediction, target)
    return _mean(right, predicted, predicted + true > 0)


def class_recall(prediction: Tensor, target: Tensor) -> float:
    """Mean recall of the classes that were predicted or are true; 0 for a class that is not true."""
    right, predicted, true = _counts(prediction, target)
    return _mean(right, true, predicted + true > 0)


def class_f1(prediction: Tensor, target: Tensor) -> float:
    """Mean F1 of the classes that were predicted or are true."""
    right, predicted, true = _counts(prediction, target)
    return _mean(2 * right, predicted + true, predicted + true > 0)


def _counts(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Clips of each class that are right, predicted and true."""
    classes = 1 + int(torch.maximum(prediction.max(), target.max()))
    parts = (prediction[prediction == target], prediction, target)
    right, predicted, true = (torch.bincount(part, minlength=classes).double() for part in parts)
    return right, predicted, true


def _mean(part: Tensor, whole: Tensor, classes: Tensor) -> float:
    return float((part / whole.clamp(min=1))[classes].mean())
