"""A comparison as CSV, LaTeX and HTML."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from codaar_core.report.compare.comparison import ComparedRow, ComparedScore, Comparison
from codaar_core.report.compare.learning import EpochRow
from codaar_core.report.numerals import MINUS, NONE, amount, present, signed, spread

if TYPE_CHECKING:
    from jinja2 import Environment

FORMULA = ("=", "+", "-", "@", "\t", "\r")
LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    NONE: "--",
    MINUS: "$-$",
    "†": r"\textdagger{}",
}


def as_csv(comparison: Comparison) -> str:
    """One line for each row, two columns for each run: mean and standard deviation over the head seeds."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = ["benchmark", "transfer", "metric", "unit", "higher_is_better", "caveat", "chance", "upper_bound"]
    runs = [run.label for run in comparison.runs]
    writer.writerow([*head, *(f"{label} {name}" for label in map(_cell, runs) for name in ("mean", "std"))])
    for row in comparison.rows:
        texts = [
            *map(_cell, (row.benchmark, row.transfer, row.metric, row.unit)),
            str(row.higher_is_better).lower(),
            _cell(row.caveat),
        ]
        numbers = [
            value for score in row.scores for value in ((score.mean, score.deviation) if score else (None, None))
        ]
        writer.writerow([*texts, *map(_number, (row.chance, row.upper_bound, *numbers))])
    return out.getvalue()


def _cell(string: str) -> str:
    """A string that no spreadsheet takes for a formula."""
    return f"'{string}" if string.startswith(FORMULA) else string


def _number(value: float | None) -> str:
    return repr(value) if present(value) else ""


def as_latex(comparison: Comparison) -> str:
    """A table for booktabs: scores in their unit, the best of each row in bold."""
    columns = "lllrr" + "r" * len(comparison.runs)
    head = ["benchmark", "transfer", "metric", "chance", "upper bound", *(run.label for run in comparison.runs)]
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", _latex_line(_escaped(head)), r"\midrule"]
    before = comparison.rows[0].benchmark if comparison.rows else ""
    for row in comparison.rows:
        if row.benchmark != before:
            lines.append(r"\midrule")
        before = row.benchmark
        texts = _escaped([row.benchmark, f"{row.transfer} †" if row.caveat else row.transfer, metric_of(row)])
        beside = _escaped([amount(row.chance, row.unit), amount(row.upper_bound, row.unit)])
        lines.append(_latex_line([*texts, *beside, *(_latex_score(score, row.unit) for score in row.scores)]))
    caveats = dict.fromkeys(f"† {row.caveat}" for row in comparison.rows if row.caveat)
    notes = [f"% {' '.join(note.split())}" for note in (*caveats, *comparison.notes)]
    return "\n".join([*notes, *lines, r"\bottomrule", r"\end{tabular}", ""])


def _escaped(texts: Sequence[str]) -> list[str]:
    """Texts without the characters that LaTeX reads as commands."""
    return ["".join(LATEX.get(character, character) for character in " ".join(string.split())) for string in texts]


def _latex_line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _latex_score(score: ComparedScore | None, unit: str) -> str:
    if score is None or not present(score.mean):
        return "--"
    (shown,) = _escaped([amount(score.mean, unit)])
    shown = rf"\textbf{{{shown}}}" if score.best else shown
    return rf"{shown} $\pm$ {_escaped([amount(score.deviation, unit)])[0]}" if present(score.deviation) else shown


def metric_of(row: ComparedRow | EpochRow) -> str:
    """``accuracy, %`` or ``RMSE, N, lower is better``."""
    return ", ".join(
        [row.metric, *([row.unit] if row.unit else []), *([] if row.higher_is_better else ["lower is better"])]
    )


def as_html(comparison: Comparison) -> str:
    """A page that needs no other file; every string is escaped."""
    benchmarks = dict.fromkeys(row.benchmark for row in comparison.rows)
    groups = {name: [row for row in comparison.rows if row.benchmark == name] for name in benchmarks}
    return _environment().get_template("compare.html").render(comparison=comparison, groups=groups)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("codaar_core.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown: dict[str, Callable[..., object]] = {
        "amount": amount,
        "metric_of": metric_of,
        "present": present,
        "signed": signed,
        "spread": spread,
    }
    environment.globals |= shown
    return environment
