"""The tables of a run in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from codaar_core.report.numerals import duration, percent, present, spread
from codaar_core.report.summary import BenchmarkScores, Score, benchmarks, caveats, remarks

BESIDE = {"chance": "chance", "constant": "constant", "upper_bound": "upper bound"}
ROOM = 80  # columns in which the tables stand below each other in line; narrower, they wrap


def terminal(results: Mapping[str, Any], console: Console) -> None:
    """Print the headline metric of every transfer beside what it is to be read against, then the headline means."""
    groups = benchmarks(results)
    marks = caveats(groups)
    width = _first_column(groups, marks) if console.width >= ROOM else 0
    for group in groups:
        console.print(_transfers(group, marks, width))
    if groups:
        console.print(_means(groups, width))
    for caveat, number in marks.items():
        console.print(f" [{number}] {caveat}", style="dim", markup=False, highlight=False)
    for line in (*remarks(results), _run(results), results.get("directory", "")):
        console.print(f" {line}", soft_wrap=True, markup=False, highlight=False)


def _first_column(groups: Sequence[BenchmarkScores], marks: Mapping[str, int]) -> int:
    """The width that lines up the tables of all benchmarks."""
    return max((cell_len(_transfer(score, marks)) for group in groups for score in group.headline), default=0)


def _transfers(group: BenchmarkScores, marks: Mapping[str, int], width: int) -> Table:
    published = any(present(score.published) for score in group.headline)
    table = _table(f"{group.name}: {group.metric}, %", "train -> test", width)
    for name in ("mean ± std", *BESIDE.values(), *(["published"] if published else [])):
        table.add_column(name, justify="right", overflow="fold")
    for score in group.headline:
        table.add_row(
            escape(_transfer(score, marks)),
            spread(score.mean, score.deviation),
            *(percent(getattr(score, quantity)) for quantity in BESIDE),
            *([percent(score.published)] if published else []),
        )
    return table


def _means(groups: Sequence[BenchmarkScores], width: int) -> Table:
    table = _table("headline: mean over the transfers without caveat, %", "benchmark", width)
    for name in ("mean", *BESIDE.values(), "transfers"):
        table.add_column(name, justify="right", overflow="fold")
    for group in groups:
        table.add_row(
            escape(group.name),
            f"[bold]{percent(group.mean('mean'))}[/bold]",
            *(percent(group.mean(quantity)) for quantity in BESIDE),
            f"{len(group.counted)} of {len(group.headline)}",
        )
    return table


def _table(title: str, first: str, width: int) -> Table:
    """A table with its first column, which is as wide in all tables of a run."""
    table = Table(title=escape(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, header_style="")
    table.add_column(first, overflow="fold", min_width=width)
    return table


def _transfer(score: Score, marks: Mapping[str, int]) -> str:
    mark = f" [{marks[score.caveat]}]" if score.caveat else ""
    return f"{score.train} -> {score.test}{mark}"


def _run(results: Mapping[str, Any]) -> str:
    seeds = ", ".join(map(str, results.get("seeds", ())))
    seconds = sum((results.get("seconds") or {}).values())
    parts = (results["mode"], results.get("data"), seeds and f"head seeds {seeds}", seconds and duration(seconds))
    return "; ".join(part for part in parts if part)
