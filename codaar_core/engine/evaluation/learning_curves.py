"""Learning curves of transfer: benchmarks are evaluated between two epochs of pretraining.

The scores are in ``learning_curves.csv`` of the run directory, which is written anew after each evaluation. A run that
was killed meanwhile evaluates the same weights again when it is resumed: their checkpoint has been written before.
"""

from __future__ import annotations

import csv
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from io import StringIO
from pathlib import Path

import attrs

from codaar_core.engine.evaluation.transfer import BenchmarkRun, Evaluation
from codaar_core.engine.results import LearningCurve
from codaar_core.engine.training.passes.unchanged import unchanged
from codaar_core.engine.training.session import Session
from codaar_core.features.files import write_whole

FILE = "learning_curves.csv"
KEY = 12  # characters of the checksum of the settings of a benchmark


@attrs.frozen
class Score:
    """One line of the file: what one head scored.

    Attributes:
        epoch: Finished epochs of pretraining.
        step: Finished steps of pretraining.
        benchmark: Name of the benchmark in the recipe.
        train: Modality that the head was trained on.
        test: Modality that it was tested on.
        metric: Name of the metric.
        seed: Seed of the head.
        value: The score.
        settings: Beginning of a checksum of all that heads depend on besides the weights of the model.
    """

    epoch: int
    step: int
    benchmark: str
    train: str
    test: str
    metric: str
    seed: int
    value: float
    settings: str


def read_scores(file: Path) -> list[Score]:
    """Read the file; damaged lines are left out, which is warned of. A missing file has no scores."""
    try:
        lines = list(csv.reader(file.read_text("utf-8").splitlines()))[1:]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, csv.Error) as error:
        warnings.warn(f"{file} cannot be read: earlier points of the learning curves are lost ({error})", stacklevel=2)
        return []
    scores = [_score(line) for line in lines]
    if damaged := scores.count(None):
        warnings.warn(f"{file}: {damaged} damaged lines are left out of the learning curves", stacklevel=2)
    return [score for score in scores if score is not None]


def _score(line: Sequence[str]) -> Score | None:
    try:
        epoch, step, benchmark, train, test, metric, seed, value, settings = line
        return Score(int(epoch), int(step), benchmark, train, test, metric, int(seed), float(value), settings)
    except ValueError:
        return None


def write_scores(file: Path, scores: Sequence[Score]) -> None:
    """Write the file.

    Raises:
        CodaarError: It cannot be written.
    """
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([field.name for field in attrs.fields(Score)])
    writer.writerows(attrs.astuple(score) for score in scores)
    write_whole(file, out.getvalue())


@attrs.frozen(slots=False)
class LearningCurves:
    """Evaluates the benchmarks of a run every ``evaluate.every`` epochs, and keeps the scores.

    Pretraining is not affected: weights, codebooks, optimizers and random numbers are bit for bit those of a run
    without evaluations.

    Attributes:
        session: The run.
        benchmark_runs: Its benchmarks.
        laps: Seconds of each evaluation so far.
    """

    session: Session
    benchmark_runs: Sequence[BenchmarkRun]
    laps: list[float] = attrs.field(init=False, factory=list)

    @property
    def file(self) -> Path:
        """The file with the scores."""
        return self.session.directory.path / FILE

    @cached_property
    def settings(self) -> dict[str, str]:
        """Beginning of the checksum of all that heads depend on besides the model's weights, by benchmark."""
        return {run.bench.name: run.key("")[:KEY] for run in self.benchmark_runs}

    def resume(self, step: int) -> None:
        """Leave out the scores after a step: the run goes on from there."""
        scores = read_scores(self.file) if self.session.runtime.is_first else []
        if kept := [score for score in scores if score.step <= step]:
            write_scores(self.file, kept)
        elif scores:
            self.file.unlink()

    def evaluate(self, epoch: int, step: int) -> None:
        """Evaluate the model as it is, if that is due and not done yet; on every rank.

        Args:
            epoch: Finished epochs.
            step: Finished steps.

        Raises:
            Interrupted: A signal was received; the scores are measured when the run is resumed.
            CodaarError: The file cannot be written.
        """
        every, runtime = self.session.plan.evaluate.every, self.session.runtime
        if not every or not epoch or epoch % every or not self.benchmark_runs:
            return
        if any(runtime.from_first([self._has(step)])):
            return
        began = time.perf_counter()
        with unchanged(self.session.model, runtime.device):
            self.session.model.requires_grad_(False)
            scores = [score for run in self.benchmark_runs for score in self._measured(run, epoch, step)]
        self.laps.append(time.perf_counter() - began)
        self._add(scores)

    def finish(self, epoch: int, step: int, evaluation: Evaluation) -> None:
        """Take over the scores of the evaluation after pretraining as the last point.

        Args:
            epoch: Finished epochs.
            step: Finished steps.
            evaluation: What was measured.
        """
        if not self.session.plan.evaluate.every or not self.session.runtime.is_first or self._has(step):
            return
        seeds = {run.bench.name: run.seeds for run in self.benchmark_runs}
        self._add(
            [
                Score(epoch, step, *entry.key, seed, value, self.settings[entry.benchmark])
                for entry in evaluation.transfers
                for seed, value in zip(seeds[entry.benchmark], entry.values, strict=True)
                if value is not None
            ]
        )

    def records(self) -> tuple[LearningCurve, ...]:
        """Return the entries of results.json: points that were measured with the present settings."""
        scores = read_scores(self.file)
        usable = [score for score in scores if self.settings.get(score.benchmark) == score.settings]
        if other := len({(each.step, each.benchmark) for each in set(scores) - set(usable)}):
            warnings.warn(
                f"{self.file}: {other} evaluations with other settings, sources or versions are not in the report",
                stacklevel=2,
            )
        return tuple(curve for run in self.benchmark_runs for curve in _curves(run, usable))

    def _has(self, step: int) -> int:
        """Whether every benchmark was evaluated at a step with the present settings; 0 or 1, as ranks exchange it."""
        if not self.session.runtime.is_first:
            return 0
        names = {run.bench.name: run.seeds for run in self.benchmark_runs}
        wanted = {(step, name, self.settings[name], seed) for name, seeds in names.items() for seed in seeds}
        return int(wanted <= {_head(score) for score in read_scores(self.file)})

    def _measured(self, run: BenchmarkRun, epoch: int, step: int) -> Iterator[Score]:
        wanted, name = run.benchmark.transfers(), run.bench.name
        for seed, scores in attrs.evolve(run, during_pretraining=True).scores():
            for transfer in wanted:
                for metric, value in scores[transfer].items():
                    yield Score(
                        epoch, step, name, transfer.train, transfer.test, metric, seed, value, self.settings[name]
                    )

    def _add(self, scores: Sequence[Score]) -> None:
        """Write further scores; those of the same heads are replaced."""
        if not scores:
            return
        new = {_head(score) for score in scores}
        kept = [score for score in read_scores(self.file) if _head(score) not in new]
        write_scores(self.file, [*kept, *scores])
        curves = [curve for run in self.benchmark_runs for curve in _curves(run, scores)]
        self.session.hook.codaar_epoch_evaluated(
            epoch=scores[0].epoch, step=scores[0].step, results=[attrs.asdict(each) for each in curves]
        )


def _head(score: Score) -> tuple[object, ...]:
    return score.step, score.benchmark, score.settings, score.seed


def _curves(run: BenchmarkRun, scores: Sequence[Score]) -> Iterator[LearningCurve]:
    """The curves of a benchmark that have a point."""
    by_key: dict[tuple[str, ...], list[Score]] = {}
    for score in scores:
        by_key.setdefault((score.benchmark, score.train, score.test, score.metric), []).append(score)
    for transfer in run.benchmark.transfers():
        for position, (metric, measure) in enumerate(run.benchmark.measures.items()):
            found = by_key.get((run.bench.name, transfer.train, transfer.test, metric))
            if found:
                yield LearningCurve(
                    benchmark=run.bench.name,
                    train=transfer.train,
                    test=transfer.test,
                    metric=metric,
                    unit=measure.unit,
                    higher_is_better=measure.higher_is_better,
                    headline=position == 0,
                    caveat=run.benchmark.caveat(transfer),
                    **_points(found),
                )


def _points(scores: Sequence[Score]) -> Mapping[str, tuple]:
    """Columns of a curve; a seed that a point lacks is None."""
    values = {(score.step, score.seed): score.value for score in scores}
    points = sorted({(score.step, score.epoch) for score in scores})
    seeds = tuple(dict.fromkeys(score.seed for score in scores))
    return {
        "epoch": tuple(epoch for _, epoch in points),
        "step": tuple(step for step, _ in points),
        "seeds": seeds,
        "values": tuple(tuple(values.get((step, seed)) for seed in seeds) for step, _ in points),
    }
