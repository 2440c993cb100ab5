"""Measures on codes in the terminal and in the report, and collapses of codebooks and heads."""

from __future__ import annotations

import attrs
import pytest
from sample_results import score, with_scores
from written_report import Page, printed

from codaar_core.engine.results import BenchmarkCodes, Results
from codaar_core.report import write
from codaar_core.report.codes import code_lines, collapses, distance_ratio

COLLAPSED = {"used": 1, "perplexity": 1.0}


@pytest.fixture
def coded(results, codes, distance) -> Results:
    """A run with measures on codes."""
    return attrs.evolve(results, codes=(codes,), codewords=(distance,))


@pytest.fixture
def page(run_directory):
    """Write a report and parse it."""
    return lambda results: Page(write(run_directory(results)).read_text("utf-8"))


def with_codes(results: Results, modality: int = 0, **changes) -> Results:
    """Change the codes of one modality."""
    (codes,) = results.codes
    modalities = list(codes.modalities)
    modalities[modality] = attrs.evolve(modalities[modality], **changes)
    return attrs.evolve(results, codes=(attrs.evolve(codes, modalities=tuple(modalities)),))


def test_the_terminal_has_one_line_for_each_benchmark(coded):
    line = (
        "classification: 430 to 470 of 800 codewords in use; index agreement 71.2 % (chance 0.3); "
        "consensus 79.0 % (chance 10.0)"
    )
    assert code_lines(coded) == [line]
    assert f"\n {line}\n" in printed(coded)


def test_what_is_not_measured_is_not_in_the_line(coded, codes):
    bare = BenchmarkCodes(benchmark="retrieval", modalities=codes.modalities[:1])
    assert code_lines(attrs.evolve(coded, codes=(bare,))) == ["retrieval: 430 of 800 codewords in use"]


def test_the_report_shows_every_number(coded, page):
    parsed = page(coded)
    for text in (
        "text6,0005,990430 of 80037025271.1 (chance 8.1)",
        "video6,0025,992470 of 80033025473.1 (chance 10.1)",
        "text, audio71.2 (chance 0.3)40188.0 (chance 10.1)65.5 (chance 7.2)",
        "text, videonot paired37770.0 (chance 9.9)",
        "trained ontextaudio",
        "text99.161.2",
        "audio94.3",
        "text, audio0.4381.750.25",
        "Labels: one class for each clip;",
        "under Codes.",
    ):
        assert text in parsed, text
    assert "collapsed codebook" not in parsed and "no better" not in parsed


def test_a_benchmark_without_labels_says_so(coded, codes, page):
    parsed = page(attrs.evolve(coded, codes=(attrs.evolve(codes, labels=""),)))
    assert "consensus and information are not measured" in parsed
    assert "consensus, %" not in parsed and "information, %" not in parsed and "5,990" not in parsed
    assert "text6,000430 of 800370252" in parsed and "text, audio71.2 (chance 0.3)" in parsed


def test_a_run_without_measures_has_no_such_section(results, page):
    parsed = page(results)
    assert "index agreement, %" not in parsed and "Codes" not in parsed and code_lines(results) == []


@pytest.mark.parametrize(
    ("changes", "collapsed"),
    [
        (COLLAPSED, True),
        ({"used": 3, "perplexity": 1.02}, True),
        ({"used": 0, "perplexity": None}, True),
        ({"used": 2, "perplexity": 1.5}, False),
        ({"used": 2, "perplexity": None}, False),
    ],
)
def test_a_collapsed_codebook_is_told_in_terminal_and_report(coded, page, changes, collapsed):
    results = with_codes(coded, 1, **changes)
    assert bool(collapses(results)) == collapsed
    text, parsed = printed(results), page(results)
    assert ("\n collapsed codebook: classification, audio: " in text) == collapsed
    assert ("Collapsed codebook: classification, audio: " in parsed) == collapsed
    assert ("audio collapsed" in parsed) == collapsed
    assert not collapsed or f"{changes['used']} of 800 codewords in use" in collapses(results)[0]


def test_heads_no_better_than_the_best_constant_are_told(coded, page):
    transfers = [
        attrs.evolve(each, mean=each.constant) if (each.benchmark, each.test) == ("retrieval", "audio") else each
        for each in coded.transfers
    ]
    results = attrs.evolve(coded, transfers=tuple(transfers))
    line = "no better than the best constant prediction: retrieval, text to audio, video to audio"
    assert collapses(results) == [line]
    text, parsed = printed(results), page(results)
    assert f"\n {line}\n" in text and text.count("<= constant") == 2
    assert f"{line[0].upper()}{line[1:]}." in parsed and "no better than constant" in parsed


@pytest.mark.parametrize(("mean", "failed"), [(3.9, False), (4.0, True), (4.1, True)])
def test_an_error_must_be_below_that_of_the_best_constant(coded, mean, failed):
    error = score(metric="RMSE", unit="N", higher_is_better=False, mean=mean, constant=4.0)
    results = attrs.evolve(coded, transfers=(error,))
    assert bool(collapses(results)) == failed and (">= constant" in printed(results)) == failed


def test_a_collapse_in_pretraining_is_told_like_one_on_test_clips(coded):
    line = "north: 5 of 800 codewords in use"
    results = attrs.evolve(coded, pretraining=attrs.evolve(coded.pretraining, collapse=line))
    assert collapses(results) == [f"collapsed codebook: pretraining, {line}"]
    assert f"\n collapsed codebook: pretraining, {line}" in printed(results)


def test_a_missing_score_is_no_collapse(coded):
    assert collapses(with_scores(coded, mean=None)) == [] == collapses(with_scores(coded, constant=None))


def test_the_ratio_of_distances(distance):
    assert distance_ratio(distance) == 0.25
    for changes in ({"other_indices": None}, {"other_indices": 0.0}, {"same_index": None}):
        assert distance_ratio(attrs.evolve(distance, **changes)) is None


def test_names_are_escaped(coded, codes, page):
    payload = "<script>alert(1)</script>"
    renamed = attrs.evolve(codes.modalities[0], modality=payload, **COLLAPSED)
    pair = attrs.evolve(codes.pairs[0], one=payload)
    poisoned = attrs.evolve(codes, benchmark=payload, modalities=(renamed,), pairs=(pair,))
    parsed = page(attrs.evolve(coded, codes=(poisoned,)))
    assert payload in parsed and "script" not in parsed.tags
