"""The table of a sweep: a row an arm, measured beside published."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from codaar_core.recipe.sweep import PRETRAINING, Sweep
from codaar_core.sweep.running import Measured

NOTHING = "–"


@attrs.frozen
class Row:
    """Cells of one row; scores in per cent."""

    name: str
    measured: bool
    cells: tuple[str, ...]


def rows(sweep: Sweep, measured: Sequence[Measured]) -> list[Row]:
    """Rows in the order of the arms, each with its published twin above it; then what was only published."""
    table, names = [], [each.arm for each in measured]
    for each in measured:
        if each.arm in sweep.published:
            table.append(_published(sweep, each.arm))
        count = len(each.results)
        runs = f"measured, {count} run{'s' if count != 1 else ''}"
        cells = tuple(_cell([_score(results, score) for results in each.results]) for score in sweep.columns.values())
        table.append(Row(f"{each.arm} ({runs})", True, cells))
    return table + [_published(sweep, name) for name in sweep.published if name not in names]


def _published(sweep: Sweep, name: str) -> Row:
    cells = tuple(NOTHING if value is None else str(value) for value in sweep.published[name])
    return Row(f"{name} (published)", False, cells)


def _score(results: Mapping[str, Any], score: str) -> float | None:
    """A value of the pretraining, or the mean of a transfer's metric over the head seeds, in per cent."""
    if score.startswith(PRETRAINING):
        return results.get("pretraining", {}).get(score.removeprefix(PRETRAINING))
    benchmark, transfer, metric = score.split("/", 2)
    train, test = transfer.split("->")
    wanted = {"benchmark": benchmark, "train": train, "test": test, "metric": metric}
    found = (each["mean"] for each in results["transfers"] if wanted.items() <= each.items())
    mean = next(found, None)
    return None if mean is None else 100 * mean


def _cell(values: Sequence[float | None]) -> str:
    numbers = [value for value in values if value is not None]
    if not numbers:
        return NOTHING
    spread = f" ± {statistics.stdev(numbers):.1f}" if len(numbers) > 1 else ""
    return f"{statistics.fmean(numbers):.1f}{spread}"


def as_markdown(sweep: Sweep, measured: Sequence[Measured]) -> str:
    """The table to paste; every row says whether it was measured, and in which mode."""
    modes = sorted({results["mode"] for each in measured for results in each.results})
    head = ["", *sweep.columns]
    lines = [head, ["---"] * len(head), *([row.name, *row.cells] for row in rows(sweep, measured))]
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    told = f"\n\nmode: {', '.join(modes)}; transfers in %; mean ± standard deviation over pretraining seeds"
    return f"## {sweep.title}\n\n{body}{told if modes else ''}\n"
