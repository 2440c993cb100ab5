"""Metrics of masks: numbers of the released code, slow twins, torchmetrics, and laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from codaar_plugin_avsbench.mask_metrics import batch_mean, f_score, levels, mean_iou
from hypothesis import given, settings
from hypothesis import strategies as st

THRESHOLDS = np.linspace(0, 1 - 1e-10, 255)


@pytest.mark.parametrize("case", range(5))
def test_released_numbers(released_numbers, case):
    numbers = released_numbers("avs_metrics_loss")
    prediction = levels(numbers[f"pred{case}"].sigmoid())[None]
    mask = numbers[f"mask{case}"][None] * 255
    assert mean_iou(prediction, mask) == pytest.approx(float(numbers[f"miou{case}"]), abs=2e-6)
    assert f_score(prediction, mask) == pytest.approx(float(numbers[f"fscore{case}"]), abs=2e-6)


def frames_of(seed: int, silent: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities and masks of 3 clips of 2 frames; some masks are empty, some full."""
    draw = torch.Generator().manual_seed(seed)
    probability = torch.rand(3, 2, 6, 7, generator=draw, dtype=torch.float64)
    mask = torch.rand(3, 2, 6, 7, generator=draw) < torch.rand(3, 2, 1, 1, generator=draw)
    if silent:
        mask[seed % 3, 0] = False
    mask[2, 1] = True
    return probability, mask


def slow_iou(probability: np.ndarray, mask: np.ndarray) -> float:
    found = probability > 0.5
    if not mask.any():
        return (~found).sum() / found.size
    return (found & mask).sum() / (found | mask).sum()


def slow_curve(probability: np.ndarray, mask: np.ndarray) -> np.ndarray:
    curve = []
    for threshold in THRESHOLDS:
        found = probability >= threshold
        hits = (found & mask).sum()
        precision = hits / found.sum() if found.any() else 0.0
        recall = hits / mask.sum()
        curve.append(1.3 * precision * recall / (0.3 * precision + recall) if hits else 0.0)
    return np.array(curve)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6))
def test_slow_twins(seed):
    probability, mask = frames_of(seed)
    prediction, target = levels(probability), mask.to(torch.uint8) * 255
    frames = list(zip(probability.flatten(0, 1).numpy(), mask.flatten(0, 1).numpy(), strict=True))
    assert mean_iou(prediction, target) == pytest.approx(np.mean([slow_iou(*frame) for frame in frames]))
    curves = [slow_curve(*frame) for frame in frames if frame[1].any()]
    assert f_score(prediction, target) == pytest.approx(np.mean(curves, axis=0).max())


def test_torchmetrics_jaccard_of_each_frame():
    torchmetrics = pytest.importorskip("torchmetrics")
    probability, mask = frames_of(7, silent=False)
    jaccard = torchmetrics.classification.BinaryJaccardIndex()
    each = [float(jaccard(*frame)) for frame in zip(probability.flatten(0, 1), mask.flatten(0, 1).int(), strict=True)]
    assert mean_iou(levels(probability), mask.to(torch.uint8) * 255) == pytest.approx(np.mean(each))


def test_the_released_score_depends_on_the_batch():
    probability, mask = frames_of(5)
    prediction, target = levels(probability), mask.to(torch.uint8) * 255
    alone = [f_score(prediction[[clip]], target[[clip]]) for clip in range(3)]
    assert batch_mean(f_score, 1, prediction, target) == pytest.approx(np.mean(alone))
    two = f_score(prediction[:2], target[:2])
    assert batch_mean(f_score, 2, prediction, target) == pytest.approx((two + alone[2]) / 2)
    assert batch_mean(f_score, 3, prediction, target) == f_score(prediction, target)
    assert np.mean(alone) > f_score(prediction, target), "each clip may choose its own threshold"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_levels_count_thresholds(values):
    counted = levels(torch.tensor(values, dtype=torch.float64))
    assert counted.dtype == torch.uint8
    assert counted.tolist() == [int((value >= THRESHOLDS).sum()) for value in values]


def test_nothing_sounds_anywhere():
    silent = torch.zeros(2, 5, 4, 4, dtype=torch.uint8)
    assert mean_iou(silent, silent) == 1.0
    assert f_score(silent, silent) == 0.0
    assert mean_iou(silent + 255, silent) == 0.0
