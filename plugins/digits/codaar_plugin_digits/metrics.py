"""Metrics of the benchmarks, each (prediction, target) of a whole split -> a fraction 0..1."""

from __future__ import annotations

import torch
from torch import Tensor


def accuracy(prediction: Tensor, target: Tensor) -> float:
    """Share of clips (N,) with the right class."""
    return float((prediction == target).double().mean())


def macro_precision(prediction: Tensor, target: Tensor) -> float:
    """Mean precision of the classes (N,) that were predicted at all: the "precision" of the released CoDAAR code."""
    predicted = torch.bincount(prediction).double()
    right = torch.bincount(prediction[prediction == target], minlength=len(predicted)).double()
    return float((right / predicted)[predicted > 0].mean())


def segment_f1(prediction: Tensor, target: Tensor) -> float:
    """Micro F1 over all segments and events of multi-hot (N, T, classes); background, the last class, is left out."""
    predicted, true = prediction[..., :-1] > 0.5, target[..., :-1] > 0.5
    return _ratio(2 * (predicted & true).sum(), predicted.sum() + true.sum())


def micro_precision(prediction: Tensor, target: Tensor) -> float:
    """Share of all predicted labels, background too, that are true: the "segment-level accuracy" of the CMG papers."""
    predicted, true = prediction > 0.5, target > 0.5
    return _ratio((predicted & true).sum(), predicted.sum())


def _ratio(part: Tensor, whole: Tensor) -> float:
    return float(part) / float(whole) if whole else 0.0


def expected_recall(similarity: Tensor, relevant: Tensor, k: int) -> float:
    """R@k where equal similarities stand in random order: the mean probability of a relevant entry in the first k.

    Discrete codes tie in whole blocks, and what a sort happens to do with them decides the usual R@k. Here ``above``
    entries are more similar than the best relevant one; it ties with a ``block`` of entries, ``hits`` of them relevant.
    The ``free = k - above`` places left for the block all miss with probability
    C(block - hits, free) / C(block, free).

    Args:
        similarity: Of queries to entries (Q, G); equal to six decimals is equal.
        relevant: True where an entry answers a query (Q, G).
        k: Number of entries looked at.
    """
    similarity = similarity.double().round(decimals=6)
    best = similarity.masked_fill(~relevant, -torch.inf).amax(1, keepdim=True)
    tied = similarity == best
    above, block, hits = ((each).sum(1).double() for each in (similarity > best, tied, tied & relevant))
    free = (k - above).clamp(min=0).minimum(block)
    missed = (_log_choose(block - hits, free) - _log_choose(block, free)).exp()
    return float((1 - missed).mean())


def _log_choose(total: Tensor, chosen: Tensor) -> Tensor:
    ways = torch.lgamma(total + 1) - torch.lgamma(chosen + 1) - torch.lgamma((total - chosen).clamp(min=0) + 1)
    return ways.masked_fill(chosen > total, -torch.inf)
