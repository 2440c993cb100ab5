"""The tables of a run in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from codaar_core.engine.results import HeadlineMean, Results, TransferScore
from codaar_core.report.benchmark_scores import BenchmarkScores, benchmark_label, by_benchmark, metric_label
from codaar_core.report.codes import code_lines, collapses, is_no_better_than_constant
from codaar_core.report.numerals import amount, duration, present, spread
from codaar_core.report.remarks import caveats, remarks

BESIDE = {"chance": "chance", "constant": "constant", "upper_bound": "upper bound"}
ROOM = 80  # from this width on, the first columns of all tables are equally wide


def terminal(results: Results, console: Console) -> None:
    """Print the first metric of every transfer beside chance, best constant and upper bound; then means and codes."""
    groups = by_benchmark(results)
    marks = caveats(results.transfers)
    width = _first_column(groups, marks) if console.width >= ROOM else 0
    for group in groups:
        console.print(_transfers(group, marks, width))
    if groups:
        console.print(_means([group.headline for group in groups], width))
    for caveat, number in marks.items():
        console.print(f" [{number}] {caveat}", style="dim", markup=False, highlight=False)
    for line in collapses(results):
        console.print(f" {line}", style="bold red", soft_wrap=True, markup=False, highlight=False)
    for line in (*code_lines(results), *remarks(results), _run(results), results.directory):
        console.print(f" {line}", soft_wrap=True, markup=False, highlight=False)


def _first_column(groups: Sequence[BenchmarkScores], marks: Mapping[str, int]) -> int:
    """The width that lines up the tables of all benchmarks."""
    return max((cell_len(_transfer(score, marks)) for group in groups for score in group.first_metric), default=0)


def _transfers(group: BenchmarkScores, marks: Mapping[str, int], width: int) -> Table:
    published = any(present(score.published) for score in group.first_metric)
    table = _table(f"{group.name}: {metric_label(group.headline)}", "train -> test", width)
    for name in ("mean ± std", *BESIDE.values(), *(["published"] if published else [])):
        table.add_column(name, justify="right", overflow="fold")
    for score in group.first_metric:
        table.add_row(
            escape(_transfer(score, marks)),
            _mean(score),
            *(amount(getattr(score, quantity), score.unit) for quantity in BESIDE),
            *([amount(score.published, score.unit)] if published else []),
        )
    return table


def _means(headlines: Sequence[HeadlineMean], width: int) -> Table:
    table = _table("headline: mean over the transfers without caveat", "benchmark", width)
    for name in ("mean", *BESIDE.values(), "transfers"):
        table.add_column(name, justify="right", overflow="fold")
    for each in headlines:
        table.add_row(
            escape(benchmark_label(each)),
            f"[bold]{amount(each.mean, each.unit)}[/bold]",
            *(amount(getattr(each, quantity), each.unit) for quantity in BESIDE),
            f"{each.counted} of {each.transfers}",
        )
    return table


def _table(title: str, first: str, width: int) -> Table:
    """A table with its first column, which is as wide in all tables of a run."""
    table = Table(title=escape(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, header_style="")
    table.add_column(first, overflow="fold", min_width=width)
    return table


def _transfer(score: TransferScore, marks: Mapping[str, int]) -> str:
    mark = f" [{marks[score.caveat]}]" if score.caveat else ""
    return f"{score.train} -> {score.test}{mark}"


def _mean(score: TransferScore) -> str:
    """Mean and deviation; marked if no better than the best constant prediction."""
    shown = spread(score.mean, score.deviation, score.unit)
    if not is_no_better_than_constant(score):
        return shown
    return f"{shown} {'<=' if score.higher_is_better else '>='} constant"


def _run(results: Results) -> str:
    seeds = ", ".join(map(str, results.seeds))
    seconds = sum(results.seconds.values())
    parts = (results.mode, results.data, seeds and f"head seeds {seeds}", seconds and duration(seconds))
    return "; ".join(part for part in parts if part)
