"""Comparison: the same scores of several runs in one row, the best one marked, and settings that differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from codaar_core.api.errors import CodaarError
from codaar_core.engine.exported.manifest import RESULTS, is_exported
from codaar_core.engine.results import Results, TransferScore
from codaar_core.engine.results.headline import mean
from codaar_core.report.compare.learning import EpochRow, epoch_rows
from codaar_core.report.compare.paired import PairedDifference, paired_differences
from codaar_core.report.compare.settings import SettingRow, different_settings
from codaar_core.report.numerals import present
from codaar_core.report.record import read
from codaar_core.report.remarks import SAME_IN_CONTROL, differences

MEAN = "mean"
MODES_ADVICE = "; scores of different modes are not comparable, so the best is marked within each"
NAMES = {
    "mode": "evaluation mode",
    "data": "pretraining data",
    "modalities": "modalities",
    "seeds": "head seeds",
}


@attrs.frozen
class ComparedRun:
    """A column: a run, one of its evaluations, or an exported model."""

    label: str
    path: Path
    results: Results


@attrs.frozen(kw_only=True)
class ComparedScore:
    """The score of one run in a row."""

    mean: float | None
    deviation: float | None = None  # over the head seeds
    best: bool = False  # of the runs in the same mode


@attrs.frozen(kw_only=True)
class ComparedRow:
    """One benchmark, transfer and metric.

    Attributes:
        headline: Whether this is the first metric of the benchmark.
        scores: One for each run; None where a run lacks it.
        chance: Mean score of random predictions, where it is equal in all runs; None where it differs.
        upper_bound: Score of heads trained on the tested modality, where it is equal in all runs.
    """

    benchmark: str
    transfer: str
    metric: str
    unit: str
    higher_is_better: bool
    headline: bool
    scores: tuple[ComparedScore | None, ...]
    chance: float | None
    upper_bound: float | None
    caveat: str = ""


@attrs.frozen(kw_only=True)
class Comparison:
    """Several runs side by side.

    Attributes:
        runs: The runs with results, in the order in which they were given.
        rows: Their scores, and means over the transfers that count in all of them.
        paired: Differences from the first run over equal head seeds.
        epochs: Learning curves of the runs that have some: mean scores after the same epochs of pretraining.
        settings: Settings in which the runs differ.
        without_results: Why a run is left out, by path.
        notes: What a reader must know: how the runs were evaluated differently.
    """

    runs: tuple[ComparedRun, ...]
    rows: tuple[ComparedRow, ...]
    paired: tuple[PairedDifference, ...]
    epochs: tuple[EpochRow, ...]
    settings: tuple[SettingRow, ...]
    without_results: Mapping[str, str]
    notes: tuple[str, ...]

    def as_csv(self) -> str:
        """A table of comma-separated values; fractions stay fractions."""
        from codaar_core.report.compare.formats import as_csv

        return as_csv(self)

    def as_latex(self) -> str:
        """A LaTeX table for the package booktabs."""
        from codaar_core.report.compare.formats import as_latex

        return as_latex(self)

    def as_html(self) -> str:
        """A self-contained page."""
        from codaar_core.report.compare.formats import as_html

        return as_html(self)


def compare(runs: Sequence[Path | str]) -> Comparison:
    """Put the scores of several runs side by side.

    Args:
        runs: Run directories, evaluations of a run (RUN/evaluations/STAMP) or exported models. Those without results
            are named in ``without_results``. Differences are taken from the first one that has results.

    Raises:
        CodaarError: No run is given, a run is given twice, or none has results.
    """
    paths = [Path(run) for run in runs]
    if not paths:
        raise CodaarError("no run given", "give run directories, like runs/NAME/STAMP")
    twice = next((path for path in paths if [each.resolve() for each in paths].count(path.resolve()) > 1), None)
    if twice is not None:
        raise CodaarError(f"{twice} is given twice", "give each run once")
    found, missing = _read(paths)
    if not found:
        reasons = "; ".join(missing.values())
        raise CodaarError(f"no run has results: {reasons}", "`codaar list runs` shows which runs are finished")
    columns = tuple(ComparedRun(label, *each) for label, each in zip(_labels(found), found, strict=True))
    return Comparison(
        runs=columns,
        rows=tuple(_rows([column.results for column in columns])),
        paired=tuple(paired_differences([(column.label, column.results) for column in columns])),
        epochs=tuple(epoch_rows([column.results for column in columns])),
        settings=tuple(different_settings([column.path for column in columns])),
        without_results=missing,
        notes=tuple(_notes(columns)),
    )


def _read(paths: Sequence[Path]) -> tuple[list[tuple[Path, Results]], dict[str, str]]:
    found: list[tuple[Path, Results]] = []
    missing: dict[str, str] = {}
    for path in paths:
        try:
            found.append((path, read(path)))
        except CodaarError as error:
            unscored = is_exported(path) and not (path / RESULTS).is_file()
            missing[str(path)] = f"{path} is an exported model without scores" if unscored else error.message
    return found, missing


def _labels(found: Sequence[tuple[Path, Results]]) -> list[str]:
    """The shortest labels that differ: names, names with stamps, or paths."""
    names = [results.name for _, results in found]
    stamped = [f"{results.name} {path.resolve().name}" for path, results in found]
    paths = [str(path) for path, _ in found]
    return next((each for each in (names, stamped) if len(set(each)) == len(each)), paths)


def _rows(results: Sequence[Results]) -> Iterator[ComparedRow]:
    """The rows of each benchmark, in the order of the first run that has it."""
    scores = [{score.key: score for score in each.transfers} for each in results]
    modes = [each.mode for each in results]
    keys = list(dict.fromkeys(key for each in scores for key in each))
    for benchmark in dict.fromkeys(key[0] for key in keys):
        rows = [[each.get(key) for each in scores] for key in keys if key[0] == benchmark]
        yield from (_row(row, modes) for row in rows)
        yield from _mean_row(rows, modes)


def _row(scores: Sequence[TransferScore | None], modes: Sequence[str]) -> ComparedRow:
    first = next(score for score in scores if score)
    means = [score.mean if score else None for score in scores]
    best = _best(means, modes, first.higher_is_better)
    cells = [
        ComparedScore(mean=score.mean, deviation=score.deviation, best=number in best) if score else None
        for number, score in enumerate(scores)
    ]
    return ComparedRow(
        benchmark=first.benchmark,
        transfer=f"{first.train} -> {first.test}",
        metric=first.metric,
        unit=first.unit,
        higher_is_better=first.higher_is_better,
        headline=first.headline,
        scores=tuple(cells),
        chance=_equal(score.chance for score in scores if score),
        upper_bound=_equal(score.upper_bound for score in scores if score),
        caveat=next((score.caveat for score in scores if score and score.caveat), ""),
    )


def _mean_row(rows: Sequence[Sequence[TransferScore | None]], modes: Sequence[str]) -> Iterator[ComparedRow]:
    """The mean over the transfers that count in every run; none if these are fewer than two."""
    counted = [[score for score in row if score] for row in rows if all(score and score.counts for score in row)]
    if len(counted) < 2:
        return
    first = counted[0][0]
    means = [mean(row[number].mean for row in counted) for number in range(len(modes))]
    best = _best(means, modes, first.higher_is_better)
    yield ComparedRow(
        benchmark=first.benchmark,
        transfer=f"{MEAN} of {len(counted)}",
        metric=first.metric,
        unit=first.unit,
        higher_is_better=first.higher_is_better,
        headline=True,
        scores=tuple(ComparedScore(mean=each, best=number in best) for number, each in enumerate(means)),
        chance=mean(_equal(score.chance for score in row) for row in counted),
        upper_bound=mean(_equal(score.upper_bound for score in row) for row in counted),
    )


def _best(means: Sequence[float | None], modes: Sequence[str], higher_is_better: bool) -> set[int]:
    """Columns with the best score among two or more runs of the same mode."""
    best: set[int] = set()
    for mode in set(modes):
        given = {number: each for number, each in enumerate(means) if modes[number] == mode and present(each)}
        if len(given) > 1:
            value = (max if higher_is_better else min)(given.values())
            best |= {number for number, each in given.items() if each == value}
    return best


def _equal(values: Iterator[float | None]) -> float | None:
    """The number that all runs have in common; None if they differ."""
    different = list(dict.fromkeys(value for value in values if present(value)))
    return different[0] if len(different) == 1 else None


def _notes(runs: Sequence[ComparedRun]) -> Iterator[str]:
    first = runs[0]
    for name in SAME_IN_CONTROL:
        other = [run for run in runs[1:] if name in differences(run.results, first.results)]
        if other:
            values = "; ".join(f"{run.label}: {_shown(getattr(run.results, name))}" for run in (first, *other))
            advice = (
                "; scores of different modes are not comparable, the best is marked in each" if name == "mode" else ""
            )
            yield f"different {NAMES[name]}: {values}{advice}"


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
