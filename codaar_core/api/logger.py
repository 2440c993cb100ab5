"""Loggers: hook components that send the values, scores and report of a run to another program."""

from __future__ import annotations

import json
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import mean
from typing import Any

import attrs

from codaar_core.api.component import setting
from codaar_core.api.hooks import RunHooks, hook

Settings = Mapping[str, "str | bool | int | float"]
COLUMNS = ("train", "test", "metric", "unit", "mean", "std", "chance", "upper_bound", "published", "caveat")
"""Columns of a table of transfers: entries of ``transfers`` in results.json."""

LONGEST = 300  # characters of the reason why a logger failed


class RunLogger(RunHooks):
    """Base class of loggers: a subclass says how its program stores what a run tells.

    Names of values begin with ``step/`` (values of a step), ``epoch/`` (means of an epoch, held-out values, codebook
    use over the epoch, and ``dead.M``: codewords that the epoch did not select), ``curve/BENCHMARK/METRIC/TRAIN-TEST``
    (scores in the course of pretraining) or ``transfer/BENCHMARK/METRIC/TRAIN-TEST`` (scores at the end). Behind that
    they are as in events.jsonl and metrics.csv.

    A logger never ends a run: the first exception in one of the functions below is reported as a warning, and then the
    logger records nothing more. A run that is resumed calls ``open`` again, then ``scalars`` for every step and epoch
    since the first one, in their order, and ``scores`` if the evaluation is finished. So ``open`` either begins an
    empty log or finds out what the log has, and the subclass leaves that out.
    """

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of every logger."""

        every: int = setting(1, "steps: of the logged ones, multiples of this number", attrs.validators.ge(1))

    def __init__(self, config: Any, context: Any) -> None:
        super().__init__(config, context)
        self._step = 0
        self._codewords = 0
        self._failed = False

    # What a subclass defines

    @abstractmethod
    def open(self, directory: Path, name: str, settings: Settings) -> None:
        """Begin the log, or continue that of the run directory.

        Args:
            directory: The run directory.
            name: ``run.name`` and the name of the run directory, ``NAME/STAMP``.
            settings: Every setting of the recipe by its path, e.g. ``optimizer.lr``; lists are JSON.
        """

    @abstractmethod
    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Record values after ``step`` steps. Steps never decrease; the same one can be given several times."""

    def scores(self, step: int, values: Mapping[str, float]) -> None:
        """Record the scores of a benchmark; like ``scalars`` unless a subclass defines otherwise."""
        self.scalars(step, values)

    def table(self, step: int, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Record a table; a missing number is None."""

    def artefact(self, step: int, path: Path) -> None:
        """Record a file, e.g. the report."""

    def close(self, status: str) -> None:
        """End the log; ``status`` is "finished", "failed" or "interrupted"."""

    # The hooks

    @hook
    def codaar_run_start(
        self,
        directory: Path,
        resolved: Mapping[str, Any],
        codewords: int,
        step: int,
        finished: Sequence[Mapping[str, float]],
        logged: Sequence[Mapping[str, float]],
        curves: Sequence[Mapping[str, Any]],
        results: Sequence[Mapping[str, Any]],
    ) -> None:
        """Open the log and give it everything that the run has recorded before."""
        self._step, self._codewords = step, codewords
        self._attempt(self.open, directory, f"{resolved['run']['name']}/{directory.name}", _flat(resolved))
        earlier = [
            *((int(row["step"]), self._step_values, row) for row in logged),
            *((int(row["step"]), self._epoch_values, row) for row in finished),
            *((at, self._curve_values, values) for at, values in _points(curves)),
        ]
        for at, record, values in sorted(earlier, key=lambda each: each[0]):
            record(at, values)
        for benchmark in dict.fromkeys(entry["benchmark"] for entry in results):
            self._transfers(benchmark, [entry for entry in results if entry["benchmark"] == benchmark])

    @hook
    def codaar_step_logged(self, step: int, values: Mapping[str, float]) -> None:
        """Record the values of a step."""
        self._step_values(step, values)

    @hook
    def codaar_epoch_end(self, step: int, values: Mapping[str, float]) -> None:
        """Record the values of an epoch."""
        self._step = step
        self._epoch_values(step, values)

    @hook
    def codaar_epoch_evaluated(self, results: Sequence[Mapping[str, Any]]) -> None:
        """Record scores in the course of pretraining."""
        for step, values in _points(results):
            self._curve_values(step, values)

    @hook
    def codaar_benchmark_end(self, benchmark: str, results: Sequence[Mapping[str, Any]]) -> None:
        """Record the scores of a benchmark."""
        self._transfers(benchmark, results)

    @hook
    def codaar_report_written(self, path: Path) -> None:
        """Record the report."""
        self._attempt(self.artefact, self._step, path)

    @hook
    def codaar_run_end(self, status: str) -> None:
        """Close the log, also after an exception, which is the only one to be reported."""
        if self._failed:
            with suppress(Exception):
                self.close(status)
        self._attempt(self.close, status)

    # What they share

    @staticmethod
    def kept(path: Path, make: Callable[[], str]) -> str:
        """Return the content of a small file, e.g. the identifier of a log; a missing file is made."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(make(), "utf-8")
        return path.read_text("utf-8")

    def _step_values(self, step: int, values: Mapping[str, float]) -> None:
        if step % self.config.every == 0:
            self._attempt(self.scalars, step, _named("step/", values))

    def _epoch_values(self, step: int, values: Mapping[str, float]) -> None:
        used = {name.partition(".")[2]: value for name, value in values.items() if name.startswith("epoch_used.")}
        dead = {f"dead.{modality}": self._codewords - value for modality, value in used.items()}
        self._attempt(self.scalars, step, _named("epoch/", {**values, **dead}))

    def _curve_values(self, step: int, values: Mapping[str, float]) -> None:
        self._attempt(self.scalars, step, _named("curve/", values))

    def _transfers(self, benchmark: str, results: Sequence[Mapping[str, Any]]) -> None:
        scores = {f"transfer/{_transfer(entry)}": entry["mean"] for entry in results if entry["mean"] is not None}
        rows = [[entry[column] for column in COLUMNS] for entry in results]
        self._attempt(self.scores, self._step, scores)
        self._attempt(self.table, self._step, f"transfer/{benchmark}", COLUMNS, rows)

    def _attempt(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call a function of the subclass; after its first exception, call none of them again."""
        if self._failed:
            return
        try:
            function(*arguments)
        except Exception as error:
            self._failed = True
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST]
            warnings.warn(f"{type(self).__name__} logs nothing more of this run, which goes on: {reason}", stacklevel=2)


def _named(prefix: str, values: Mapping[str, float]) -> dict[str, float]:
    """Values with a prefix to their names, without the columns that say when they were recorded."""
    return {prefix + name: value for name, value in values.items() if name not in ("epoch", "step")}


def _points(curves: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield the points of learning curves: step, and mean over the seeds."""
    for curve in curves:
        for step, values in zip(curve["step"], curve["values"], strict=True):
            yield step, {_transfer(curve): mean(value for value in values if value is not None)}


def _transfer(entry: Mapping[str, Any]) -> str:
    return f"{entry['benchmark']}/{entry['metric']}/{entry['train']}-{entry['test']}"


def _flat(settings: Mapping[str, Any], path: str = "") -> dict[str, str | bool | int | float]:
    """Settings of nested tables by their dotted paths."""
    flat: dict[str, str | bool | int | float] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{path}{name}.")
        else:
            single = isinstance(value, (str, bool, int, float))
            flat[f"{path}{name}"] = value if single else json.dumps(value, default=str)
    return flat
