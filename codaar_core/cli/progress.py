"""Progress of a run: bars on a terminal; one line per epoch and per benchmark, and in a pipe at least one a minute."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from codaar_core.api.hooks import hook
from codaar_core.cli.periodic_lines import PeriodicLines
from codaar_core.engine.record.run_directory import PRETRAINED_IN, RunDirectory
from codaar_core.engine.results import LearningCurve, TransferScore, headline_means
from codaar_core.engine.results.headline import mean
from codaar_core.report.numerals import amount, score_and_chance

HELD_OUT = "validation.total"


class Progress:
    """An observer that prints the progress of a run.

    Attributes:
        checkpoint: The last checkpoint that is complete on disk; None before the first.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.checkpoint: Path | None = None
        self.epochs = 0
        self.since = time.monotonic()
        self.heads = 0
        self.codewords = self.step = 0
        self.periodic = PeriodicLines(self._print)
        self.task: TaskID | None = None
        self.bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    @hook
    def codaar_run_start(self, directory: Path, parameters: int, codewords: int, step: int) -> None:
        """Print the run directory, the number of parameters, and the run whose pretraining is taken over."""
        self._line(f"run {directory}, {parameters:,} parameters")
        if earlier := RunDirectory(Path(directory)).last_known(PRETRAINED_IN):
            self._line(f"pretraining of {earlier} is reused up to step {step}")
        self.codewords, self.step = codewords, step
        self.bars.start()
        if not self.console.is_terminal:
            self.periodic.start()

    @hook
    def codaar_epoch_start(self, epoch: int, epochs: int, steps: int) -> None:
        """Start the clock, and in the first epoch the bar of pretraining."""
        self.epochs, self.since = epochs, time.monotonic()
        if self.task is None:
            self.task = self._bar("pretrain", "steps", epochs * steps, self.step)

    @hook
    def codaar_step_end(self, step: int) -> None:
        """Advance the bar; this reads no value from the device, which would make it wait."""
        self.periodic.advance(step + 1)
        self._move(completed=step + 1)

    @hook
    def codaar_step_logged(self, values: Mapping[str, float]) -> None:
        """Show the total loss beside the bar."""
        self._move(note=f"total {values['total']:.4g}")

    @hook
    def codaar_epoch_end(self, epoch: int, values: Mapping[str, float]) -> None:
        """Print the means of the epoch."""
        self._line(f"epoch {epoch + 1}/{self.epochs}  {_epoch_values(values, self.codewords)}  {self._seconds()}")
        self.since = time.monotonic()

    @hook
    def codaar_checkpoint_saved(self, path: Path) -> None:
        """Remember the checkpoint from which a run can be resumed."""
        self.checkpoint = Path(path)

    @hook
    def codaar_epoch_evaluated(self, epoch: int, results: Sequence[Mapping[str, Any]]) -> None:
        """Print the headline of each benchmark in the course of pretraining."""
        if epoch < self.epochs:  # at the end, `codaar_benchmark_end` prints them
            self._line(f"after epoch {epoch}/{self.epochs}  {_curve_values(results)}  {self._seconds()}")

    @hook
    def codaar_benchmark_start(self, benchmark: str, heads: int) -> None:
        """Start the clock and a bar for the heads of a benchmark."""
        self.since, self.heads = time.monotonic(), heads
        if self.task is not None:
            self.bars.remove_task(self.task)
        self.task = self._bar(benchmark, "heads", heads)

    @hook
    def codaar_head_end(self) -> None:
        """Advance the bar by one head."""
        self.periodic.advance_by_one()
        self._move(advance=1)

    @hook
    def codaar_benchmark_end(self, benchmark: str, results: Sequence[Mapping[str, Any]]) -> None:
        """Print the headline of a benchmark."""
        self._line(f"{benchmark}  {_headline(results)}  {self.heads} heads  {self._seconds()}")

    @hook
    def codaar_run_end(self) -> None:
        """Remove the bars, also after a failure."""
        self.periodic.stop()
        self.bars.stop()

    def _move(self, **change: Any) -> None:
        if self.task is not None:
            self.bars.update(self.task, **change)

    def _bar(self, name: str, unit: str, total: int, done: int = 0) -> TaskID:
        self.periodic.begin(name, unit, total, done)
        return self.bars.add_task(name, total=total, note="")

    def _line(self, line: str) -> None:
        self.periodic.another_line()
        self._print(line)

    def _print(self, line: str) -> None:
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _seconds(self) -> str:
        return f"{time.monotonic() - self.since:.1f} s"


def _epoch_values(values: Mapping[str, float], codewords: int) -> str:
    """The total loss, also on held-out clips, and the use of each codebook over the epoch, on one line."""
    parts = [f"total {values['total']:.4g}"]
    if HELD_OUT in values:
        parts.append(f"held-out {values[HELD_OUT]:.4g}")
    used = [f"{modality} {value:.0f}" for modality, value in _of(values, "epoch_used.")]
    entropies = [f"{modality} {math.log2(max(value, 1)):.1f}" for modality, value in _of(values, "epoch_perplexity.")]
    if used:
        of_level = codewords // _levels(values)
        parts.append(f"used {', '.join(used)} of {of_level}")
        parts.append(f"entropy {', '.join(entropies)} of {math.log2(of_level):.1f} bits")
    return "  ".join(parts)


def _levels(values: Mapping[str, float]) -> int:
    """Codes a step: the measures of each level have a name of their own, ``epoch_used.M.level-0``."""
    return len({name.rpartition(".level-")[2] for name, _ in _of(values, "epoch_used.") if ".level-" in name}) or 1


def _of(values: Mapping[str, float], prefix: str) -> list[tuple[str, float]]:
    """Values of each modality: those whose names begin with ``prefix``."""
    return [(name.removeprefix(prefix), value) for name, value in values.items() if name.startswith(prefix)]


def _curve_values(results: Sequence[Mapping[str, Any]]) -> str:
    """The mean of the headline metric of each benchmark, over seeds and over the transfers without caveat."""
    groups: dict[str, list[LearningCurve]] = {}
    for curve in (LearningCurve(**entry) for entry in results):
        if curve.counts:
            groups.setdefault(curve.benchmark, []).append(curve)
    means = {name: mean(curve.means[-1] for curve in curves) for name, curves in groups.items()}
    return "  ".join(f"{name} {each[0].metric} {amount(means[name], each[0].unit)}" for name, each in groups.items())


def _headline(results: Sequence[Mapping[str, Any]]) -> str:
    """Mean of the headline metric over the transfers without caveat, and chance."""
    means = headline_means(TransferScore(**entry) for entry in results)
    if not any(each.counted for each in means):
        return f"{len(results)} results"
    return ", ".join(f"{each.metric} {score_and_chance(each)}" for each in means)
