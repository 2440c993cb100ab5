"""Open-set metrics against their definitions in plain loops."""

from __future__ import annotations

import pytest
import torch
from codaar_plugin_open_set.metrics import at_threshold, auroc, best_of_ten, oscr
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

laws = settings(deadline=None, max_examples=40)
cases = given(st.integers(0, 12), st.integers(0, 12), st.integers(2, 4), st.integers(0, 2**16))


def clips(known: int, unknown: int, classes: int, seed: int) -> tuple[Tensor, Tensor]:
    """Coarse probabilities, so that many are equal."""
    generator = torch.Generator().manual_seed(seed)
    prediction = torch.randint(1, 6, (known + unknown, classes + 1), generator=generator) / 8
    labels = torch.randint(classes, (known,), generator=generator)
    return prediction, torch.cat([labels, torch.full((unknown,), classes)])


def slow_accuracies(prediction: Tensor, target: Tensor, thresholds: list[float]) -> tuple[float, float]:
    classes, right, rejected = prediction.shape[1] - 1, [], []
    for row, label, threshold in zip(prediction.tolist(), target.tolist(), thresholds, strict=True):
        largest = max(row[:classes])
        decided = classes if largest < threshold else row.index(largest)
        (rejected if label == classes else right).append(decided == label)
    return tuple(sum(each) / len(each) if each else 0.0 for each in (right, rejected))


def slow_h(accuracies: tuple[float, float]) -> float:
    return 2 * accuracies[0] * accuracies[1] / sum(accuracies) if sum(accuracies) else 0.0


@laws
@cases
def test_decisions_at_the_own_threshold(known: int, unknown: int, classes: int, seed: int) -> None:
    prediction, target = clips(known, unknown, classes, seed)
    found, expected = at_threshold(prediction, target), slow_accuracies(prediction, target, prediction[:, -1].tolist())
    assert found == pytest.approx(expected)
    assert found.harmonic_mean == pytest.approx(slow_h(expected))


@laws
@cases
def test_the_released_code_takes_the_best_of_ten_thresholds(known: int, unknown: int, classes: int, seed: int) -> None:
    prediction, target = clips(known + 1, unknown, classes, seed)
    largest = [max(row[:classes]) for row in prediction.tolist()]
    least, most = min(largest), max(largest)
    tried = torch.linspace(0, 1, 10).mul(most - least).add(least).tolist()
    scores = [slow_h(slow_accuracies(prediction, target, [each] * len(target))) for each in tried]
    assert best_of_ten(prediction, target).harmonic_mean == pytest.approx(max(scores))


@laws
@cases
def test_auroc_and_oscr_are_areas_under_their_curves(known: int, unknown: int, classes: int, seed: int) -> None:
    prediction, target = clips(known, unknown, classes, seed)
    scores = [max(row[:classes]) for row in prediction.tolist()]
    best = [row[:classes].index(max(row[:classes])) for row in prediction.tolist()]
    points = [(0.0, 0.0, 0.0)]
    for threshold in sorted(set(scores), reverse=True):
        accepted = [score >= threshold for score in scores]
        rows = list(zip(accepted, best, target.tolist(), strict=True))
        points.append(
            (
                sum(a for a, _, label in rows if label == classes) / max(unknown, 1),
                sum(a for a, _, label in rows if label < classes) / max(known, 1),
                sum(a and b == label for a, b, label in rows) / max(known, 1),
            )
        )
    steps = list(zip(points, points[1:], strict=False))
    areas = [sum((right[0] - left[0]) * (left[y] + right[y]) / 2 for left, right in steps) for y in (1, 2)]
    assert (auroc(prediction, target), oscr(prediction, target)) == pytest.approx(tuple(areas), abs=1e-9)


def test_the_truth_is_perfect_and_one_class_for_all_is_chance() -> None:
    target = torch.tensor([0, 1, 2, 2])
    perfect = torch.eye(3)[target]
    assert (at_threshold(perfect, target), auroc(perfect, target), oscr(perfect, target)) == ((1.0, 1.0), 1.0, 1.0)
    alike = torch.tensor([[0.6, 0.4, 0.5]]).expand(4, 3)
    assert (auroc(alike, target), oscr(alike, target), at_threshold(alike, target)) == (0.5, 0.25, (0.5, 0.0))
