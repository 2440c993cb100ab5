"""The table of a sweep: one row for each arm, published numbers above measured ones."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

import attrs

from codaar_core.api.control_characters import printable
from codaar_core.engine.results import Results, TransferScore
from codaar_core.recipe.sweep import PRETRAINING, Sweep
from codaar_core.report.codes import collapses
from codaar_core.report.numerals import NONE, PERCENT, present, significant
from codaar_core.sweep.running import Measured


@attrs.frozen
class Row:
    """Cells of one row; scores with unit % in per cent, others as they are."""

    name: str
    measured: bool
    cells: tuple[str, ...]


def with_columns(sweep: Sweep, measured: Sequence[Measured]) -> Sweep:
    """The sweep; if its recipe has no [sweep.columns], with a column for the first metric of each measured transfer."""
    if sweep.columns:
        return sweep
    scores = [each for arm in measured for results in arm.results for each in results.transfers if each.headline]
    columns = {
        f"{each.benchmark} {each.train} → {each.test}": f"{each.benchmark}/{each.train}->{each.test}/{each.metric}"
        for each in scores
    }
    return attrs.evolve(sweep, columns=columns)


def rows(sweep: Sweep, measured: Sequence[Measured]) -> list[Row]:
    """Rows in the order of the arms, each below its published row; then rows that were only published."""
    table, names = [], [each.arm for each in measured]
    for each in measured:
        if each.arm in sweep.published:
            table.append(_published(sweep, each.arm))
        count = len(each.results)
        runs = f"measured, {count} run{'s' if count != 1 else ''}"
        cells = tuple(_cell(each.results, column) for column in sweep.columns.values())
        table.append(Row(f"{each.arm} ({runs})", True, cells))
    return table + [_published(sweep, name) for name in sweep.published if name not in names]


def _published(sweep: Sweep, name: str) -> Row:
    cells = tuple(NONE if value is None else str(value) for value in sweep.published[name])
    return Row(f"{name} (published)", False, cells)


def numbers(runs: Sequence[Results], column: str) -> list[float]:
    """The numbers of a column, one per run that has one: means over head seeds, fractions in %; or pretraining values.

    Args:
        runs: The finished runs of an arm.
        column: ``BENCHMARK/TRAIN->TEST/METRIC`` or ``pretraining/VALUE``.
    """
    if column.startswith(PRETRAINING):
        values = [_pretraining(results, column.removeprefix(PRETRAINING)) for results in runs]
        return [value for value in values if present(value)]
    scores = [found for results in runs if (found := score(results, column))]
    factor = 1 if any(each.unit != PERCENT for each in scores) else 100
    return [factor * each.mean for each in scores if present(each.mean)]


def _cell(runs: Sequence[Results], column: str) -> str:
    """Mean and standard deviation over the runs of an arm."""
    scores = [] if column.startswith(PRETRAINING) else [found for each in runs if (found := score(each, column))]
    shown = significant if any(each.unit != PERCENT for each in scores) else _one_decimal
    return _spread(numbers(runs, column), shown)


def _pretraining(results: Results, name: str) -> float | None:
    took = results.pretraining
    costs = {"epoch_minutes": took.epoch_minutes, "peak_gb": took.peak_gb}
    return costs[name] if name in costs else took.last_epoch.get(name)


def score(results: Results, column: str) -> TransferScore | None:
    """The entry that a column ``BENCHMARK/TRAIN->TEST/METRIC`` means."""
    benchmark, transfer, metric = column.split("/", 2)
    train, _, test = transfer.partition("->")
    return next((each for each in results.transfers if each.key == (benchmark, train, test, metric)), None)


def _one_decimal(value: float) -> str:
    return f"{value:.1f}"


def _spread(values: Sequence[float], shown: Callable[[float], str]) -> str:
    if not values:
        return NONE
    spread = f" ± {shown(statistics.stdev(values))}" if len(values) > 1 else ""
    return shown(statistics.fmean(values)) + spread


def as_markdown(sweep: Sweep, measured: Sequence[Measured]) -> str:
    """The table as Markdown; every row says whether it was measured, and the note below gives mode and units."""
    head = ["", *sweep.columns]
    lines = [head, ["---"] * len(head), *([row.name, *row.cells] for row in rows(sweep, measured))]
    body = "\n".join(f"| {' | '.join(map(_cell_content, line))} |" for line in lines)
    warnings = "\n".join(f"- {_on_one_line(line)}" for line in warnings_of(measured))
    parts = [f"## {_on_one_line(sweep.title)}", body, note_of(sweep, measured), warnings]
    return "\n\n".join(filter(None, parts)) + "\n"


def note_of(sweep: Sweep, measured: Sequence[Measured]) -> str:
    """The note below the table: mode and units; empty if nothing was measured."""
    modes = sorted({results.mode for each in measured for results in each.results})
    note = f"mode: {', '.join(modes)}; {_units(sweep, measured)}; mean ± standard deviation over pretraining seeds"
    return note if modes else ""


def warnings_of(measured: Sequence[Measured]) -> list[str]:
    """Collapsed codebooks and heads of each arm, once each."""
    lines = [f"{each.arm}: {line}" for each in measured for results in each.results for line in collapses(results)]
    return list(dict.fromkeys(lines))


def _cell_content(string: str) -> str:
    """A string that stays in its cell."""
    return _on_one_line(string).replace("|", "\\|")


def _on_one_line(string: str) -> str:
    return printable(" ".join(string.split()))


def _units(sweep: Sweep, measured: Sequence[Measured]) -> str:
    """``transfers in %``, with the columns that have another unit or a lower-is-better metric."""
    runs = [results for each in measured for results in each.results]
    told = ["transfers in %"]
    for heading, column in sweep.columns.items():
        found = None if column.startswith(PRETRAINING) else next(filter(None, (score(r, column) for r in runs)), None)
        if found and (found.unit != PERCENT or not found.higher_is_better):
            told.append(f"{heading} {_unit(found)}")
    return ", ".join(told)


def _unit(score: TransferScore) -> str:
    unit = f"in {score.unit}" if score.unit else "without unit"
    return unit if score.higher_is_better else f"{unit} (lower is better)"
