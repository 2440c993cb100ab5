"""Recall under ties: against sorting in every order, against bounds, and against the functions that others use."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch
from codaar_plugin_cmg.metrics import expected_recall
from codaar_plugin_retrieval.search import (
    AT_ONCE,
    by_index,
    distinct,
    expected,
    optimistic,
    pessimistic,
    places_of_items,
    search,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from codaar_core.api import Predicted

laws = settings(deadline=None, max_examples=25)


@st.composite
def sides(draw, most=6):
    """Queries and gallery of the same items, from few codes: ties everywhere."""
    items = draw(st.integers(1, 3))
    books = torch.eye(3) + 0.5
    both = []
    for _ in range(2):
        target = [*range(items), *draw(st.lists(st.integers(0, items - 1), max_size=most - items))]
        codes = draw(st.lists(st.integers(0, 2), min_size=len(target), max_size=len(target)))
        both.append(Predicted(books[codes], torch.tensor(target)))
    return both


def ranks_in_all_orders(queries: Predicted, gallery: Predicted) -> torch.Tensor:
    """The best right rank of each query, for each order that equal entries may stand in."""
    cosine = F.normalize(queries.prediction, dim=1) @ F.normalize(gallery.prediction, dim=1).T
    ranks = []
    for order in permutations(range(len(gallery.target))):
        by_cosine = sorted(range(len(order)), key=lambda entry: order[entry])
        for row, item in zip(cosine.mul(1e5).round(), queries.target, strict=True):
            ranking = sorted(by_cosine, key=lambda entry: -row[entry])
            ranks.append(min(i for i, entry in enumerate(ranking) if gallery.target[entry] == item))
    return torch.tensor(ranks).view(-1, len(queries.target))


@laws
@given(sides(most=5), st.integers(1, 6))
def test_recall_is_what_sorting_in_all_orders_gives(both, k):
    ranks = ranks_in_all_orders(*both)
    found = search(*both)
    assert expected(found, k) == pytest.approx(float((ranks < k).double().mean()))
    assert optimistic(found, k) == pytest.approx(float((ranks.amin(0) < k).double().mean()))
    assert pessimistic(found, k) == pytest.approx(float((ranks.amax(0) < k).double().mean()))


@laws
@given(sides(), st.integers(1, 6))
def test_by_index_is_a_stable_sort_read_backwards(both, k):
    queries, gallery = both
    cosine = F.normalize(queries.prediction, dim=1) @ F.normalize(gallery.prediction, dim=1).T
    hits = []
    for row, item in zip(cosine.mul(1e5).round(), queries.target, strict=True):
        first = row.argsort(stable=True).flip(0)[:k]
        hits.append(bool((gallery.target[first] == item).any()))
    assert by_index(search(*both), k) == pytest.approx(sum(hits) / len(hits))


@laws
@given(sides(), st.integers(1, 6))
def test_all_answers_lie_between_the_bounds_and_grow_with_k(both, k):
    found = search(*both)
    low, high = pessimistic(found, k), optimistic(found, k)
    for recall in (expected, by_index):
        assert low - 1e-9 <= recall(found, k) <= high + 1e-9
        assert recall(found, k) <= recall(found, k + 1) + 1e-9
    assert expected(found, len(both[1].target)) == pytest.approx(1)


@laws
@given(sides(), st.integers(1, 6))
def test_it_is_the_recall_that_all_benchmarks_share(both, k):
    queries, gallery = both
    cosine = F.normalize(queries.prediction, dim=1) @ F.normalize(gallery.prediction, dim=1).T
    right = queries.target.unsqueeze(1) == gallery.target
    assert expected(search(*both), k) == pytest.approx(expected_recall(cosine, right, k))


def test_without_ties_all_orders_are_one():
    torch.manual_seed(0)
    items = torch.arange(40)
    pictures, captions = torch.randn(40, 8), torch.randn(200, 8)
    for both in (
        (Predicted(pictures, items), Predicted(captions, items.repeat_interleave(5))),
        (Predicted(captions, items.repeat_interleave(5)), Predicted(pictures, items)),
    ):
        found = search(*both)
        assert found.distinct == 1
        for k in (1, 5, 10):
            assert len({round(each(found, k), 9) for each in (expected, optimistic, pessimistic, by_index)}) == 1


def test_800_codes_for_5000_items_tie_as_known():
    """Perfect agreement on 800 codes: R@1 is all, a sixth, or nothing, by how ties are broken."""
    code = torch.arange(5000) % 800
    both = Predicted(torch.randn(800, 16, generator=torch.Generator().manual_seed(0))[code], torch.arange(5000))
    found = search(both, both)
    assert optimistic(found, 1) == 1
    assert expected(found, 1) == pytest.approx(800 / 5000)
    assert pessimistic(found, 1) == 0
    assert distinct(found) == pytest.approx(800 / 5000)


def test_queries_are_taken_in_portions(monkeypatch):
    torch.manual_seed(0)
    queries, gallery = (Predicted(torch.randn(30, 4), torch.randperm(30)) for _ in range(2))
    whole = search(queries, gallery)
    monkeypatch.setattr("codaar_plugin_retrieval.search.AT_ONCE", 70)
    parts = search(queries, gallery)
    assert AT_ONCE > 900
    assert torch.equal(whole.after, parts.after)
    assert all(map(torch.equal, whole.standing, parts.standing))


def test_numbers_of_items_may_have_gaps():
    none = [-1, -1]
    assert places_of_items(torch.tensor([5, 2, 5]), 6).tolist() == [none, none, [1, -1], none, none, [0, 2]]
    torch.manual_seed(0)
    both = Predicted(torch.randn(3, 4), torch.tensor([5, 2, 5]))
    assert expected(search(both, both), 1) == 1
