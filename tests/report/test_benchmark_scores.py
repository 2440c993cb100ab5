from __future__ import annotations

import math
import statistics

import attrs
import pytest
from sample_results import sample_results, score, with_scores

from codaar_core.engine.results import Results, SeenOverlap, headline_means
from codaar_core.engine.results.headline import mean
from codaar_core.report.benchmark_scores import BenchmarkScores, by_benchmark, metric_label
from codaar_core.report.page import render
from codaar_core.report.remarks import caveats, differences, remarks

ERROR = {"metric": "rmse", "unit": "N", "higher_is_better": False}


def replaced(results: Results, position: int, **changes) -> Results:
    transfers = list(results.transfers)
    transfers[position] = attrs.evolve(transfers[position], **changes)
    return attrs.evolve(results, transfers=tuple(transfers))


def test_the_headline_mean_is_over_first_metrics_without_caveat(results):
    for headline in headline_means(results.transfers):
        counted = [
            entry.mean
            for entry in results.transfers
            if entry.benchmark == headline.benchmark and entry.headline and not entry.caveat
        ]
        assert headline.mean == pytest.approx(statistics.mean(counted))
        assert (headline.counted, headline.transfers) == (len(counted), 6)


def test_groups_use_the_same_headline(results):
    assert [group.headline for group in by_benchmark(results)] == headline_means(results.transfers)


def test_without_a_headline_metric_the_first_one_counts(results):
    group = by_benchmark(with_scores(results, headline=False))[0]
    assert {score.metric for score in group.first_metric} == {"accuracy"} and group.headline.counted == 0


def test_a_transfer_without_a_number_leaves_no_headline_mean(results):
    first = next(i for i, entry in enumerate(results.transfers) if entry.counts)
    assert headline_means(replaced(results, first, mean=math.nan).transfers)[0].mean is None


def test_all_transfers_with_caveat_leave_no_headline_mean(results):
    assert [each.mean for each in headline_means(with_scores(results, caveat="spelled").transfers)] == [None] * 3


def test_a_mean_hides_no_missing_number():
    assert mean([0.25, 0.75]) == 0.5
    assert mean([]) is mean([0.5, None]) is mean([0.5, math.nan]) is None


def test_the_upper_bound_is_that_of_the_test_modality(results):
    group = by_benchmark(results)[0]
    assert group.upper_bound("video") == pytest.approx(0.88)
    assert group.upper_bound("smell") is None


def test_a_control_is_matched_by_what_was_measured_not_by_order(results, unaligned):
    backwards = attrs.evolve(unaligned, transfers=unaligned.transfers[::-1])
    expected = {entry.key: entry.mean for entry in unaligned.transfers}
    for group in by_benchmark(results, backwards):
        for each in group.scores:
            assert group.beside(each, "control") == expected[each.key]
        counted = [expected[each.key] for each in group.scores if each.counts]
        assert group.headline_beside("control") == pytest.approx(statistics.mean(counted))


def test_a_transfer_that_the_control_lacks_has_no_control(results, unaligned):
    group = by_benchmark(results, attrs.evolve(unaligned, transfers=unaligned.transfers[1:]))[0]
    first, second, *_ = group.scores
    assert group.beside(first, "control") is group.gain(first) is None
    assert group.beside(second, "control") is not None and group.gain(second) > 0


@pytest.mark.parametrize(("kind", "gain"), [({}, 0.25), (ERROR, -0.25)])
def test_a_gain_is_positive_where_the_run_is_better_than_the_control(kind, gain):
    run, control = score(mean=0.75, **kind), score(mean=0.5, **kind)
    group = BenchmarkScores(scores=[run], controls={control.key: control.mean})
    assert group.gain(run) == gain


@pytest.mark.parametrize(("kind", "best"), [({}, 0.9), (ERROR, 0.5)])
def test_the_tint_goes_from_chance_to_the_best_score(kind, best):
    chance = 0.1 if best == 0.9 else 0.9
    scores = [score(train=str(i), mean=mean, chance=chance, **kind) for i, mean in enumerate((0.5, 0.7, 0.9))]
    group = BenchmarkScores(scores=scores, controls={})
    tints = {each.mean: group.tint(each) for each in scores}
    assert tints[best] == pytest.approx(1) and tints[0.7] == pytest.approx(0.75 if best == 0.9 else 0.5)
    assert group.tint(score(mean=chance, chance=chance, **kind)) == 0
    assert group.tint(score(mean=None, **kind)) == 0


def test_units_and_directions_are_named():
    assert metric_label(score()) == "accuracy, %"
    assert metric_label(score(metric="R2", unit="")) == "R2"
    assert metric_label(score(**ERROR)) == "rmse, N, lower is better"


def test_caveats_are_numbered_once_each(results):
    assert list(caveats(replaced(results, -1, caveat="another").transfers).values()) == [1, 2]


def test_an_unfair_control_is_named(results, unaligned):
    assert differences(results, unaligned) == []
    assert differences(results, attrs.evolve(unaligned, mode="as-published", seeds=(1,))) == ["mode", "seeds"]


def test_a_single_head_seed_has_no_deviation(results):
    first, second, *_ = replaced(results, 0, values=(0.5,)).transfers
    assert first.deviation is None and second.deviation == second.std


def test_what_pretraining_has_seen_stands_in_the_report():
    part = SeenOverlap(benchmark="b", role="test", modality="audio", clips=402, seen=27, dropped=False)
    results = sample_results(overlap=(part, attrs.evolve(part, role="train", seen=0)))
    (line,) = remarks(results)
    assert line == "b, test, audio: 27 of 402 clips were seen in pretraining"
    assert line in render(results)
    noted = attrs.evolve(results, notes=("b, train, audio: 46 x repeated id",))
    assert remarks(noted) == [*noted.notes, line]
    assert noted.notes[0] in render(noted)
    trained = attrs.evolve(results, overlap=(attrs.evolve(part, seen=8, used_in="training"),))
    assert remarks(trained) == ["b, test, audio: 8 of 402 clips were seen in the training of their heads"]
    dropped = attrs.evolve(results, overlap=(attrs.evolve(part, dropped=True),))
    assert remarks(dropped)[0].endswith("and are left out")
