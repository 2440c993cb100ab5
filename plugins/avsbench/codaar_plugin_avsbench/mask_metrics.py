"""Metrics of masks, each (levels, truth) of a whole split -> a fraction 0..1.

A mask is a tensor (N, T, H, W) of uint8 levels: 255 in the foreground of a true one, 0 in its background.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

import torch
from torch import Tensor

LEVELS = 255
HALF = 128  # levels from here on are probabilities of at least one half
BETA_SQUARED = 0.3

MaskMetric = Callable[[Tensor, Tensor], float]


def levels(probability: Tensor) -> Tensor:
    """How many of 255 thresholds, evenly from 0 to 1 - 1e-10, each probability reaches: 1..255 as uint8.

    This is all that the metrics ask about a prediction, in a quarter of the memory.
    """
    thresholds = torch.linspace(0, 1 - 1e-10, LEVELS, dtype=probability.dtype, device=probability.device)
    return torch.bucketize(probability, thresholds, right=True).to(torch.uint8)


def mean_iou(prediction: Tensor, target: Tensor) -> float:
    """Intersection over union at one half, the mean over frames.

    Where nothing sounds in a frame, its background is what is to be found.
    """
    counts = histograms(prediction, target)
    below, above = counts[..., :HALF].sum(2), counts[..., HALF:].sum(2)
    sounding = above[:, 1] / (above.sum(1) + below[:, 1])
    silent = below[:, 0] / counts.sum((1, 2))
    return float(torch.where(_sounds(counts), sounding, silent).mean())


def f_score(prediction: Tensor, target: Tensor) -> float:
    """F with beta^2 = 0.3, the mean over frames with a foreground, at the one of 255 thresholds that is best.

    With h hits among n predicted and g true pixels, (1 + b) p r / (b p + r) is (1 + b) h / (b g + n).
    """
    counts = histograms(prediction, target)
    counts = counts[_sounds(counts)]
    reaching = counts.flip(2).cumsum(2).flip(2)[..., 1:]  # each threshold, by truth
    true = counts[:, 1].sum(1, keepdim=True)
    curves = (1 + BETA_SQUARED) * reaching[:, 1] / (BETA_SQUARED * true + reaching.sum(1))
    return float(curves.mean(0).max()) if len(curves) else 0.0


def histograms(prediction: Tensor, target: Tensor) -> Tensor:
    """Pixels of each frame by truth and level, (N T, 2, 256) float64: both metrics follow from them."""
    frames = zip(prediction.flatten(0, 1), target.flatten(0, 1), strict=True)
    return torch.stack([_histogram(*frame) for frame in frames]).double()


def _histogram(levels: Tensor, truth: Tensor) -> Tensor:
    """(2, 256) of one frame; small numbers, and one frame after another, are ten times as fast as all at once."""
    cells = (truth > 0).to(torch.int16) * (LEVELS + 1) + levels
    return torch.bincount(cells.flatten(), minlength=2 * (LEVELS + 1)).unflatten(0, (2, LEVELS + 1))


def _sounds(counts: Tensor) -> Tensor:
    return counts[:, 1].sum(1) > 0


def batch_mean(metric: MaskMetric, clips: int, prediction: Tensor, target: Tensor) -> float:
    """The mean of a metric over batches of so many clips, in order: what released code reports."""
    batches = zip(prediction.split(clips), target.split(clips), strict=True)
    return statistics.fmean(metric(*batch) for batch in batches)
