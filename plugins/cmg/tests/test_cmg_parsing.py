"""The F1 of LLP, against a slow twin written down from its definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from codaar_plugin_cmg.metrics import event_counts, llp_event_f1, llp_segment_f1, parsing_scores, segment_counts
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from codaar_core.api import Predicted

law = settings(deadline=None, max_examples=25)
seeds, densities = st.integers(0, 2**32), st.floats(0, 1)


def videos(seed: int, density: float, count: int = 2) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [(torch.rand(3, 10, 4, generator=generator) < density).float() for _ in range(count)]


def runs(row: list[bool]) -> list[set[int]]:
    """The seconds of each event of one class in one video."""
    events: list[set[int]] = []
    for second, active in enumerate(row):
        if active and second and row[second - 1]:
            events[-1].add(second)
        elif active:
            events.append({second})
    return events


def slow_counts(prediction: Tensor, target: Tensor, by: str) -> np.ndarray:
    """(N, classes, 3): right, wrong, missed."""
    counts = np.zeros((len(prediction), prediction.shape[-1], 3))
    for n, c in np.ndindex(*counts.shape[:2]):
        guessed, true = (each[n, :, c].bool().tolist() for each in (prediction, target))
        if by == "segment":
            pairs = list(zip(guessed, true, strict=True))
            counts[n, c] = [pairs.count((True, True)), pairs.count((True, False)), pairs.count((False, True))]
            continue
        close = [[len(p & t) / len(p | t) >= 0.5 for t in runs(true)] for p in runs(guessed)]
        right = sum(any(row) for row in close)
        met = sum(any(row[i] for row in close) for i in range(len(runs(true))))
        counts[n, c] = [right, len(close) - right, len(runs(true)) - met]
    return counts


def slow_f1(counts: np.ndarray) -> float:
    scores = []
    for video in counts:
        there = [2 * right / (2 * right + wrong + missed) for right, wrong, missed in video if right + wrong + missed]
        scores.append(np.mean(there) if there else 1.0)
    return float(np.mean(scores))


@law
@given(seeds, densities)
def test_both_levels_follow_their_definition(seed, density):
    prediction, target = videos(seed, density)
    for by, fast, score in [
        ("segment", segment_counts, llp_segment_f1),
        ("event", event_counts, llp_event_f1),
    ]:
        expected = slow_counts(prediction, target, by)
        counts = fast(prediction, target)
        np.testing.assert_array_equal(np.stack([counts.right, counts.wrong, counts.missed], -1), expected)
        assert score(prediction, target) == pytest.approx(slow_f1(expected))


@law
@given(seeds, densities)
def test_the_five_numbers_of_llp(seed, density):
    heard, heard_true, seen, seen_true = videos(seed, density, 4)
    for by, counts in [("segment", segment_counts), ("event", event_counts)]:
        slow = {
            "audio": slow_counts(heard, heard_true, by),
            "visual": slow_counts(seen, seen_true, by),
            "audio_visual": slow_counts(heard * seen, heard_true * seen_true, by),
        }
        scores = parsing_scores(Predicted(heard, heard_true), Predicted(seen, seen_true), counts)
        expected = {name: slow_f1(each) for name, each in slow.items()}
        expected["type"] = sum(expected.values()) / 3
        expected["event"] = slow_f1(slow["audio"] + slow["visual"])
        assert scores == pytest.approx(expected)


@law
@given(seeds, densities)
def test_the_truth_scores_one(seed, density):
    target = videos(seed, density, 1)[0]
    assert llp_segment_f1(target, target) == llp_event_f1(target, target) == 1


def test_one_event_may_match_several():
    """Two halves of a true event: each has half of it in common, so both are right and none is missed."""
    target, prediction = torch.ones(1, 10, 1), torch.ones(1, 10, 1)
    target[0, 9], prediction[0, [5, 9]] = 0, 0
    counts = event_counts(prediction, target)
    assert [int(each) for each in (counts.right, counts.wrong, counts.missed)] == [1, 1, 0]
    whole = torch.tensor([1.0, 1, 0, 1, 1]).view(1, 5, 1)
    counts = event_counts(whole, torch.tensor([1.0, 1, 1, 1, 0]).view(1, 5, 1))
    assert [int(each) for each in (counts.right, counts.wrong, counts.missed)] == [1, 1, 0]


def test_a_video_without_events_scores_one_where_none_is_predicted():
    nothing = torch.zeros(1, 10, 3)
    assert llp_segment_f1(nothing, nothing) == llp_event_f1(nothing, nothing) == 1
    something = nothing.clone()
    something[0, 0, 0] = 1
    assert llp_segment_f1(something, nothing) == llp_event_f1(something, nothing) == 0
