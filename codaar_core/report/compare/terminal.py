"""A comparison in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import ascii_uppercase

import attrs
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from codaar_core.api.control_characters import printable
from codaar_core.report.compare.comparison import ComparedScore, Comparison
from codaar_core.report.compare.formats import metric_of
from codaar_core.report.numerals import amount, present, signed, spread

LONG = 16  # characters of a label that makes a column too wide


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the first metric of each benchmark, paired differences, different settings and notes.

    Runs with long labels are called A, B, ...
    """
    if any(len(run.label) > LONG for run in comparison.runs):
        letters = list(_letters(len(comparison.runs)))
        for letter, run in zip(letters, comparison.runs, strict=True):
            console.print(f" {letter}: {_text(run.label)}", soft_wrap=True, highlight=False)
        comparison = _renamed(comparison, letters)
    for benchmark in dict.fromkeys(row.benchmark for row in comparison.rows):
        console.print(_scores(comparison, benchmark))
    if comparison.paired:
        console.print(_paired(comparison))
    for benchmark in dict.fromkeys(row.benchmark for row in comparison.epochs):
        console.print(_epochs(comparison, benchmark))
    if comparison.settings:
        console.print(_settings(comparison))
    left_out = [f"no results: {path}: {reason}" for path, reason in comparison.without_results.items()]
    caveats = dict.fromkeys(f"† {row.caveat}" for row in comparison.rows if row.caveat)
    for line in (*caveats, *comparison.notes, *left_out):
        console.print(f" {printable(line)}", soft_wrap=True, markup=False, highlight=False)


def _letters(count: int) -> Iterator[str]:
    """A, B, ... Z, A2, B2, ..."""
    for number in range(count):
        repeat, place = divmod(number, len(ascii_uppercase))
        yield ascii_uppercase[place] + (str(repeat + 1) if repeat else "")


def _renamed(comparison: Comparison, labels: Sequence[str]) -> Comparison:
    """The comparison with other labels of the runs."""
    renamed = {run.label: label for run, label in zip(comparison.runs, labels, strict=True)}
    return attrs.evolve(
        comparison,
        runs=tuple(attrs.evolve(run, label=renamed[run.label]) for run in comparison.runs),
        paired=tuple(
            attrs.evolve(each, run=renamed[each.run], reference=renamed[each.reference]) for each in comparison.paired
        ),
    )


def _scores(comparison: Comparison, benchmark: str) -> Table:
    rows = [row for row in comparison.rows if row.benchmark == benchmark and row.headline]
    table = _table(f"{benchmark}: {metric_of(rows[0])}" if rows else benchmark, "train -> test")
    for name in ("chance", "upper bound", *(run.label for run in comparison.runs)):
        table.add_column(_text(name), justify="right", overflow="fold")
    for row in rows:
        cells = [_score(score, row.unit) for score in row.scores]
        beside = [amount(row.chance, row.unit), amount(row.upper_bound, row.unit)]
        table.add_row(_text(f"{row.transfer} †" if row.caveat else row.transfer), *beside, *cells)
    return table


def _score(score: ComparedScore | None, unit: str) -> str:
    if score is None:
        return ""
    shown = spread(score.mean, score.deviation, unit)
    return f"[bold]{shown}[/bold]" if score.best and present(score.mean) else shown


def _paired(comparison: Comparison) -> Table:
    reference = comparison.paired[0].reference
    title = f"difference from {reference} over equal head seeds ± standard error (of heads, not of pretraining)"
    table = _table(title, "benchmark", "train -> test")
    for name in ("run", "difference", "seeds"):
        table.add_column(name, justify="right" if name in ("difference", "seeds") else "left", overflow="fold")
    for each in comparison.paired:
        shown = f"{signed(each.difference, each.unit)} ± {amount(each.error, each.unit)}"
        texts = (each.benchmark, each.transfer, each.run)
        table.add_row(*map(_text, texts), shown, str(each.seeds))
    return table


def _epochs(comparison: Comparison, benchmark: str) -> Table:
    rows = [row for row in comparison.epochs if row.benchmark == benchmark]
    title = f"{benchmark} after epochs of pretraining: {metric_of(rows[0])}, mean of {rows[0].transfers}"
    table = _table(title, "epoch")
    for run in comparison.runs:
        table.add_column(_text(run.label), justify="right", overflow="fold")
    for row in rows:
        table.add_row(str(row.epoch), *(amount(value, row.unit) if present(value) else "" for value in row.means))
    return table


def _settings(comparison: Comparison) -> Table:
    table = _table("settings that differ", "setting")
    for run in comparison.runs:
        table.add_column(_text(run.label), overflow="fold")
    for row in comparison.settings:
        table.add_row(_text(row.path), *map(_text, row.values))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=_text(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, header_style="")
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _text(string: str) -> str:
    return escape(printable(string))
