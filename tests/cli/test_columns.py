"""Columns on a terminal and in a pipe."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from rich.cells import cell_len

from codaar_core.cli import columns
from codaar_core.cli.columns import print_columns
from codaar_core.cli.findings import print_findings
from codaar_core.registry.finding import Finding

ROWS = [("a", "one", "[b]long[/b] " * 20), ("bcd", "", "短い"), ("漢字", "three", "x")]


@pytest.fixture
def terminal(monkeypatch):
    """Output goes to a terminal of 40 columns without colours."""
    monkeypatch.setattr(columns, "sys", SimpleNamespace(stdout=SimpleNamespace(isatty=lambda: True)))
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")


def test_a_pipe_gets_whole_lines_without_trailing_blanks(capsys):
    print_columns(ROWS, indent="  ")
    assert capsys.readouterr().out.splitlines() == [
        "  a     one    " + ("[b]long[/b] " * 20).rstrip(),
        "  bcd          短い",
        "  漢字  three  x",
    ]


def test_a_terminal_cuts_long_lines_and_keeps_names(terminal, capsys):
    print_columns(ROWS, indent="  ")
    first, *others = capsys.readouterr().out.splitlines()
    assert first == "  a     one    [b]long[/b] [b]long[/b] …" and cell_len(first) == 40
    assert others == ["  bcd          短い", "  漢字  three  x"]


def test_findings_are_wrapped_and_lose_nothing(terminal, capsys):
    words = " ".join(f"word{number}" for number in range(20))
    print_findings([Finding("good", "short"), Finding("broken", words, "repair it")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "good    short" and lines[1].startswith("broken  word0 ") and len(lines) > 4
    assert all(line.startswith(" " * 8) and len(line) <= 40 for line in lines[2:])
    assert " ".join(" ".join(lines[1:]).split()) == f"broken {words}; repair it"


def test_no_finding_prints_nothing(capsys):
    print_findings([])
    assert capsys.readouterr().out == ""
