from __future__ import annotations

import math
import statistics

import pytest

from codaar_core.report.page import render
from codaar_core.report.summary import benchmarks, caveats, differences, remarks


def test_the_headline_mean_is_over_first_metrics_without_caveat(results):
    for group in benchmarks(results):
        slow = [
            entry["mean"]
            for entry in results["transfers"]
            if entry["benchmark"] == group.name and entry["headline"] and not entry["caveat"]
        ]
        assert group.mean("mean") == pytest.approx(statistics.mean(slow))


def test_a_transfer_that_gave_no_number_is_not_averaged_away(results):
    first = next(entry for entry in results["transfers"] if entry["headline"] and not entry["caveat"])
    first["mean"] = math.nan
    assert benchmarks(results)[0].mean("mean") is None


def test_all_transfers_with_caveat_leave_no_headline_mean(results):
    for entry in results["transfers"]:
        entry["caveat"] = "spelled"
    assert [group.mean("mean") for group in benchmarks(results)] == [None] * 3


def test_the_upper_bound_is_that_of_the_test_modality(results):
    group = benchmarks(results)[0]
    assert group.upper_bound("video") == pytest.approx(0.88)
    assert group.upper_bound("smell") is None


def test_a_control_is_matched_by_what_was_measured_not_by_order(results, unaligned):
    unaligned["transfers"].reverse()
    expected = {(e["benchmark"], e["train"], e["test"], e["metric"]): e["mean"] for e in unaligned["transfers"]}
    for group in benchmarks(results, unaligned):
        for score in group.scores:
            assert score.control == expected[score.benchmark, score.train, score.test, score.metric]


def test_a_transfer_that_the_control_lacks_has_no_control(results, unaligned):
    del unaligned["transfers"][0]
    scores = benchmarks(results, unaligned)[0].scores
    assert scores[0].control is None and scores[1].control is not None


def test_caveats_are_numbered_once_each(results):
    results["transfers"][-1]["caveat"] = "another"
    assert list(caveats(benchmarks(results)).values()) == [1, 2]


def test_an_unfair_control_is_named(results, unaligned):
    assert differences(results, unaligned) == []
    assert differences(results, {**unaligned, "mode": "as-published", "seeds": [1]}) == ["mode", "seeds"]


def test_optional_keys_may_be_absent_and_unknown_ones_are_ignored():
    entry = {"benchmark": "b", "train": "x", "test": "y", "metric": "m", "of a later version": 1}
    score = benchmarks({"transfers": [entry]})[0].scores[0]
    assert score.mean is None and score.headline and score.caveat == ""


def test_a_single_head_seed_has_no_deviation(results):
    results["transfers"][0]["values"] = [0.5]
    scores = benchmarks(results)[0].scores
    assert scores[0].deviation is None and scores[1].deviation == scores[1].std


def test_what_pretraining_has_seen_stands_in_the_report(results):
    part = {"benchmark": "b", "role": "test", "modality": "audio", "clips": 402, "dropped": False}
    results["overlap"] = [{**part, "seen": 27}, {**part, "role": "train", "seen": 0}]
    (line,) = remarks(results)
    assert line == "b, test, audio: 27 of 402 clips were seen in pretraining"
    assert line in render(results)
    results["notes"] = ["b, train, audio: 46 x repeated id"]
    assert remarks(results) == [*results["notes"], line]
    assert results["notes"][0] in render(results)
    del results["notes"]
    results["overlap"][0]["dropped"] = True
    assert remarks(results)[0].endswith("and are left out")
