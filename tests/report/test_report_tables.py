from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from codaar_core.report import terminal

GOLDEN = Path(__file__).with_name("terminal.txt")


def printed(results: dict, width: int = 100) -> str:
    out = io.StringIO()
    terminal(results, Console(file=out, width=width, color_system=None))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


@pytest.mark.parametrize("width", [80, 100])
def test_the_tables_read_as_agreed(results, width):
    text = printed(results, width)
    assert text == GOLDEN.read_text("utf-8")
    assert max(map(len, text.splitlines()[:-2])) <= width


def test_names_are_no_markup(results):
    results["transfers"] = [{**entry, "train": "[red]x[/red]", "benchmark": "[b]"} for entry in results["transfers"]]
    assert "[red]x[/red] -> audio" in printed(results) and "[b]: accuracy, %" in printed(results)


def test_missing_numbers_are_dashes(results):
    for entry in results["transfers"]:
        entry.update(mean=None, std=None, chance=float("nan"), published=None, values=[None])
    text = printed(results)
    assert "nan" not in text.lower() and "None" not in text and "–" in text


def test_a_narrow_terminal_loses_no_number(results):
    numbers = re.findall(r"\d+\.\d", GOLDEN.read_text("utf-8"))
    text = printed(results, width=50)
    assert sorted(re.findall(r"\d+\.\d", text)) == sorted(numbers)
    assert max(map(len, text.splitlines()[:-2])) <= 50


def test_a_run_without_benchmarks_prints_what_it_was(results):
    text = printed({"name": "n", "mode": "strict", "modalities": ["x", "y"], "transfers": []})
    assert text.split() == ["strict"]
