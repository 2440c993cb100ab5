from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest
from sample_results import score, with_scores
from written_report import printed

from codaar_core.engine.results import Results

GOLDEN = Path(__file__).with_name("terminal.txt")
MINIMAL = Results(name="n", mode="strict", modalities=("x", "y"), transfers=())


@pytest.mark.parametrize("width", [80, 100])
def test_the_tables_read_as_agreed(results, width):
    text = printed(results, width)
    assert text == GOLDEN.read_text("utf-8")
    assert max(map(len, text.splitlines()[:-2])) <= width


def test_names_are_no_markup(results):
    text = printed(with_scores(results, train="[red]x[/red]", benchmark="[b]"))
    assert "[red]x[/red] -> audio" in text and "[b]: accuracy, %" in text


def test_missing_numbers_are_dashes(results):
    text = printed(with_scores(results, mean=None, std=None, chance=float("nan"), published=None, values=(None,)))
    assert "nan" not in text.lower() and "None" not in text and "–" in text


def test_only_fractions_are_percentages():
    error = score(benchmark="reach", metric="RMSE", unit="N", higher_is_better=False, mean=0.125, chance=4.0)
    text = printed(attrs.evolve(MINIMAL, transfers=(error, score(metric="R2", unit="", mean=0.75, chance=-1.5))))
    assert "reach: RMSE, N, lower is better" in text and "judge: R2\n" in text and "%" not in text
    lines = [line.split() for line in text.splitlines()]
    assert ["north", "->", "south", "0.125", "4", "–", "–"] in lines
    assert ["north", "->", "south", "0.75", "−1.5", "–", "–"] in lines
    assert ["reach,", "N,", "lower", "is", "better", "0.125", "4", "–", "–", "1", "of", "1"] in lines


def test_a_narrow_terminal_loses_no_number(results):
    numbers = re.findall(r"\d+\.\d", GOLDEN.read_text("utf-8"))
    text = printed(results, width=50)
    assert sorted(re.findall(r"\d+\.\d", text)) == sorted(numbers)
    assert max(map(len, text.splitlines()[:-2])) <= 50


def test_a_run_without_benchmarks_prints_what_it_was():
    assert printed(MINIMAL).split() == ["strict"]
