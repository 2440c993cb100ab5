"""Recall under ties, against an enumeration of all orders."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from codaar_plugin_cmg.metrics import distinct, expected_recall, standing
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.retrieval import retrieval_hit_rate

law = settings(deadline=None, max_examples=50)


def orders(similarity: list[float], relevant: list[bool], k: int) -> list[bool]:
    """Whether each order of the gallery that a sort may give has a hit in the first k."""
    found = []
    for order in permutations(range(len(similarity))):
        if all(similarity[a] >= similarity[b] for a, b in zip(order, order[1:], strict=False)):
            found.append(any(relevant[entry] for entry in order[:k]))
    return found


entries = st.lists(st.tuples(st.sampled_from([-0.5, 0.0, 0.25, 1.0]), st.booleans()), min_size=1, max_size=6)


@law
@given(entries, st.integers(1, 7))
def test_recall_is_the_mean_and_its_bounds_the_extremes_over_all_orders_of_ties(gallery, k):
    similarity, relevant = [s for s, _ in gallery], [r for _, r in gallery]
    hits = orders(similarity, relevant, k)
    ours = standing(torch.tensor([similarity]), torch.tensor([relevant]))
    assert ours.expected(k) == pytest.approx(sum(hits) / len(hits), abs=1e-9)
    assert expected_recall(torch.tensor([similarity]), torch.tensor([relevant]), k) == ours.expected(k)
    assert (ours.pessimistic(k), ours.optimistic(k)) == (min(hits), max(hits))


def test_without_ties_all_three_are_the_hit_rate():
    generator = torch.Generator().manual_seed(0)
    similarity, relevant = torch.rand(30, 40, generator=generator), torch.rand(30, 40, generator=generator) < 0.1
    relevant[:, 0] = True
    ours = standing(similarity, relevant)
    for k in (1, 5, 10):
        twin = np.mean([float(retrieval_hit_rate(s, r, top_k=k)) for s, r in zip(similarity, relevant, strict=True)])
        assert [ours.expected(k), ours.optimistic(k), ours.pessimistic(k)] == pytest.approx([twin] * 3)


def test_many_queries_stand_as_each_does_alone():
    generator = torch.Generator().manual_seed(0)
    similarity = torch.randint(5, (2500, 7), generator=generator) / 5
    relevant = torch.rand(2500, 7, generator=generator) < 0.3
    together = standing(similarity, relevant)
    for row in (0, 999, 1000, 2499):
        alone = standing(similarity[row : row + 1], relevant[row : row + 1])
        assert [float(each) for each in alone] == [float(each[row]) for each in together]


def test_a_tie_of_as_many_items_as_codes():
    """1,000 items on 160 codes in perfect agreement: 100 %, 16 % or 0 %, as ties are broken."""
    code = torch.arange(1000) % 160
    similarity = (code.unsqueeze(1) == code).float()
    ours = standing(similarity, torch.eye(1000, dtype=torch.bool))
    assert ours.optimistic(1) == 1
    assert ours.expected(1) == pytest.approx(0.16)
    assert ours.pessimistic(1) == 0


def test_distinct_counts_what_can_be_told_apart():
    rows = torch.tensor([[1.0, 0.0], [1.0, 1e-8], [0.0, 1.0], [1.0, 0.0]])
    assert distinct(rows) == 2
    assert distinct(rows[:1]) == 1


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
