"""Tables for notebooks: HTML without colours of its own, so that it is readable on light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from codaar_core.api.control_characters import printable

if TYPE_CHECKING:
    from codaar_core.engine.results.records import Results, TransferScore

LINE = "border-bottom: 1px solid currentColor"
NONE = "–"


def html_table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]], notes: Iterable[str] = ()) -> str:
    """A table with a title above and notes below; every string is escaped.

    Args:
        title: Line above the table.
        head: Names of the columns.
        rows: Texts of the cells; the first column is aligned to the left.
        notes: Lines below the table.
    """
    names = "".join(_cell("th", name, number, LINE) for number, name in enumerate(head))
    lines = "".join(
        f"<tr>{''.join(_cell('td', string, number) for number, string in enumerate(row))}</tr>" for row in rows
    )
    below = "".join(f"<div><small>{_escaped(note)}</small></div>" for note in notes)
    table = f"<table><thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table>"
    return f'<div style="color: inherit"><strong>{_escaped(title)}</strong>{table}{below}</div>'


def results_html(results: Results) -> str:
    """The first metric of every transfer, beside chance and upper bound."""
    scores = [score for score in results.transfers if score.headline]
    rows = [
        (
            f"{score.benchmark}, {score.train} → {score.test}",
            ", ".join(filter(None, (score.metric, score.unit, "" if score.higher_is_better else "lower is better"))),
            _spread(score),
            amount(score.chance, score.unit),
            amount(score.upper_bound, score.unit),
        )
        for score in scores
    ]
    about = "; ".join(filter(None, (results.mode, results.data, f"head seeds {', '.join(map(str, results.seeds))}")))
    caveats = dict.fromkeys(f"not in a mean: {score.caveat}" for score in scores if score.caveat)
    head = ("transfer", "metric", "mean ± std", "chance", "upper bound")
    return html_table(results.name, head, rows, (about, *caveats, results.directory))


def amount(value: float | None, unit: str) -> str:
    """A score in its unit: per cent of a fraction, three significant figures of anything else."""
    if value is None or not math.isfinite(value):
        return NONE
    return f"{round(100 * value, 9):.1f}" if unit == "%" else f"{value:.3g}"


def _spread(score: TransferScore) -> str:
    mean, deviation = amount(score.mean, score.unit), amount(score.deviation, score.unit)
    return mean if deviation == NONE else f"{mean} ± {deviation}"


def _cell(tag: str, string: str, number: int, style: str = "") -> str:
    side = "right" if number else "left"
    return f'<{tag} align="{side}" style="color: inherit; {style}">{_escaped(string)}</{tag}>'


def _escaped(string: str) -> str:
    return escape(printable(string))
