"""Metrics of clips and segments, against slow twins, scikit-learn, torchmetrics and the released numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from codaar_plugin_cmg.metrics import (
    accuracy,
    batched,
    class_f1,
    class_precision,
    class_recall,
    foreground,
    harmonic_mean,
    macro_precision,
    micro_f1,
    micro_precision,
    micro_recall,
    segment_f1,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support, precision_score
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_f1_score,
    multiclass_precision,
    multiclass_recall,
    multilabel_f1_score,
    multilabel_precision,
    multilabel_recall,
)

law = settings(deadline=None, max_examples=25)
labels = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=30)
seeds = st.integers(0, 2**32)


def random_segments(seed: int, density: float, shape=(5, 3, 4)) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    prediction, target = ((torch.rand(shape, generator=generator) < density).float() for _ in range(2))
    return prediction, target


@law
@given(labels)
def test_clip_metrics_are_those_of_other_libraries(pairs):
    prediction, target = torch.tensor(pairs).T
    assert accuracy(prediction, target) == pytest.approx(np.mean([p == t for p, t in pairs]))
    assert accuracy(prediction, target) == pytest.approx(
        float(multiclass_accuracy(prediction, target, 10, average="micro"))
    )
    predicted = sorted({p for p, _ in pairs})
    expected = precision_score(target, prediction, labels=predicted, average="macro", zero_division=0)
    assert macro_precision(prediction, target) == pytest.approx(expected)
    ours = [metric(prediction, target) for metric in (class_precision, class_recall, class_f1)]
    assert ours == pytest.approx(
        precision_recall_fscore_support(target, prediction, average="macro", zero_division=0)[:3]
    )
    twins = (multiclass_precision, multiclass_recall, multiclass_f1_score)
    assert ours == pytest.approx([float(twin(prediction, target, 10, average="macro")) for twin in twins], rel=1e-5)


@law
@given(seeds, st.floats(0, 1))
def test_segment_metrics_count_cells(seed, density):
    prediction, target = random_segments(seed, density)
    counts = {"events": [0, 0, 0], "all": [0, 0, 0]}
    for n, t, c in np.ndindex(*prediction.shape):
        guessed, true = bool(prediction[n, t, c]), bool(target[n, t, c])
        for name in ["all", "events"] if c < 3 else ["all"]:
            counts[name] = [a + b for a, b in zip(counts[name], [guessed and true, guessed, true], strict=True)]
    for name, scores in {
        "events": [foreground(micro_precision), foreground(micro_recall), segment_f1],
        "all": [micro_precision, micro_recall, micro_f1],
    }.items():
        right, guessed, true = counts[name]
        expected = [right / (guessed or 1), right / (true or 1), 2 * right / (guessed + true or 1)]
        assert [score(prediction, target) for score in scores] == pytest.approx(expected)


@law
@given(seeds, st.floats(0, 1))
def test_segment_metrics_are_those_of_torchmetrics(seed, density):
    prediction, target = random_segments(seed, density)
    twins = {micro_precision: multilabel_precision, micro_recall: multilabel_recall, micro_f1: multilabel_f1_score}
    for ours, twin in twins.items():
        expected = float(twin(prediction.flatten(0, 1), target.flatten(0, 1).long(), 4, average="micro"))
        assert ours(prediction, target) == pytest.approx(expected, rel=1e-5)


@law
@given(seeds, st.integers(1, 7))
def test_a_score_by_batch_is_the_mean_weighted_by_clips(seed, size):
    prediction, target = random_segments(seed, 0.5)
    total = 0.0
    for start in range(0, 5, size):
        part = slice(start, min(start + size, 5))
        total += (part.stop - part.start) * micro_precision(prediction[part], target[part])
    assert batched(micro_precision, size)(prediction, target) == pytest.approx(total / 5)


def test_a_batch_of_all_is_the_score_of_all_and_smaller_ones_differ():
    prediction, target = random_segments(0, 0.5)
    whole = micro_precision(prediction, target)
    assert batched(micro_precision, 5)(prediction, target) == batched(micro_precision, 99)(prediction, target) == whole
    assert batched(micro_precision, 2)(prediction, target) != pytest.approx(whole, abs=1e-4)


def test_released_f1_is_the_harmonic_mean_of_averages():
    prediction, target = random_segments(3, 0.5)
    precision, recall = batched(micro_precision, 2), batched(micro_recall, 2)
    p, r = precision(prediction, target), recall(prediction, target)
    f1 = harmonic_mean(precision, recall)
    assert f1(prediction, target) == pytest.approx(2 / (1 / p + 1 / r))
    assert f1(torch.zeros_like(prediction), target) == 0


@pytest.mark.parametrize("batch", range(4))
def test_clip_metrics_are_the_released_ones(batch, released_numbers):
    numbers = released_numbers("metrics")
    prediction = numbers[f"scores{batch}"].argmax(1)
    target = numbers[f"labels{batch}"][..., :-1].argmax(-1).amax(1)
    expected = float(numbers[f"ave_macro_precision{batch}"])  # in single precision
    assert 100 * macro_precision(prediction, target) == pytest.approx(expected, rel=1e-6)
    for name in ("ave_accuracy", "ucf_precision"):
        assert 100 * accuracy(prediction, target) == pytest.approx(float(numbers[f"{name}{batch}"]), rel=1e-12)


@pytest.mark.parametrize("batch", range(4))
def test_segment_metrics_are_the_released_ones(batch, released_numbers):
    numbers = released_numbers("metrics")
    pair = numbers[f"sig{batch}"], numbers[f"ml_labels{batch}"]
    ours = [micro_precision(*pair), micro_recall(*pair)]
    assert ours == pytest.approx(numbers[f"avvp_precision_recall{batch}"].tolist(), rel=1e-6)


def test_no_prediction_scores_nothing(released_numbers):
    target = released_numbers("metrics")["ml_labels0"]
    ours = [metric(torch.zeros_like(target), target) for metric in (micro_precision, micro_recall)]
    assert ours == released_numbers("metrics")["avvp_no_prediction"].tolist() == [0, 0]
