"""Metrics against slow, obvious twins."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from codaar_plugin_digits.metrics import accuracy, expected_recall, macro_precision, micro_precision, segment_f1
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_score

law = settings(deadline=None, max_examples=50)
labels = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=30)


@law
@given(labels)
def test_accuracy_and_macro_precision(pairs):
    prediction, target = torch.tensor(pairs).T
    assert accuracy(prediction, target) == pytest.approx(np.mean([p == t for p, t in pairs]))
    predicted = sorted({p for p, _ in pairs})
    expected = precision_score(target, prediction, labels=predicted, average="macro", zero_division=0)
    assert macro_precision(prediction, target) == pytest.approx(expected)


@law
@given(st.integers(0, 2**32), st.floats(0, 1))
def test_segment_metrics_count_cells(seed, density):
    generator = torch.Generator().manual_seed(seed)
    prediction, target = ((torch.rand(2, 3, 4, generator=generator) < density).float() for _ in range(2))
    counts = {"events": [0, 0, 0], "all": [0, 0, 0]}
    for n in range(2):
        for t in range(3):
            for c in range(4):
                guessed, true = bool(prediction[n, t, c]), bool(target[n, t, c])
                for name in ["all", "events"] if c < 3 else ["all"]:
                    counts[name] = [a + b for a, b in zip(counts[name], [guessed and true, guessed, true], strict=True)]
    right, guessed, true = counts["events"]
    assert segment_f1(prediction, target) == pytest.approx(2 * right / (guessed + true) if guessed + true else 0)
    right, guessed, _ = counts["all"]
    assert micro_precision(prediction, target) == pytest.approx(right / guessed if guessed else 0)


def enumerated_recall(similarity: list[float], relevant: list[bool], k: int) -> float:
    """Average the hit over every order of the gallery that a sort may give."""
    found = []
    for order in permutations(range(len(similarity))):
        if all(similarity[a] >= similarity[b] for a, b in zip(order, order[1:], strict=False)):
            found.append(any(relevant[entry] for entry in order[:k]))
    return sum(found) / len(found)


entries = st.lists(st.tuples(st.sampled_from([-0.5, 0.0, 0.25, 1.0]), st.booleans()), min_size=1, max_size=6)


@law
@given(entries, st.integers(1, 7))
def test_expected_recall_is_the_mean_over_all_orders_of_ties(gallery, k):
    similarity, relevant = [s for s, _ in gallery], [r for _, r in gallery]
    ours = expected_recall(torch.tensor([similarity]), torch.tensor([relevant]), k)
    assert ours == pytest.approx(enumerated_recall(similarity, relevant, k), abs=1e-9)


@pytest.mark.parametrize(("k", "expected"), [(1, 1 / 500), (5, 5 / 500), (10, 10 / 500)])
def test_a_constant_embedding_scores_chance(k, expected):
    assert expected_recall(torch.ones(500, 500), torch.eye(500, dtype=torch.bool), k) == pytest.approx(expected)


def test_any_of_five_captions_is_a_hit():
    relevant = torch.eye(4, dtype=torch.bool).repeat_interleave(5, 1)
    similarity = torch.where(relevant, 0.0, -1.0)
    similarity[:, 0] = 1.0  # stands in front everywhere, and answers the first query alone
    assert expected_recall(similarity, relevant, 1) == pytest.approx(1 / 4)
    assert expected_recall(similarity, relevant, 2) == pytest.approx(1)


def test_rounding_noise_is_a_tie():
    similarity = torch.tensor([[0.5, 0.5 + 1e-7]])
    assert expected_recall(similarity, torch.tensor([[True, False]]), 1) == pytest.approx(0.5)


def test_a_large_block_of_ties_stays_exact():
    relevant = torch.zeros(1, 25000, dtype=torch.bool)
    relevant[0, :5] = True
    expected = 1 - np.prod([(25000 - 5 - i) / (25000 - i) for i in range(10)])
    assert expected_recall(torch.zeros(1, 25000), relevant, 10) == pytest.approx(expected, rel=1e-6)
