"""What a person sees of a run: bars on a terminal, and one line for each epoch and each benchmark everywhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from codaar_core.api.hooks import hook


class Progress:
    """Observes a run.

    Attributes:
        checkpoint: The last checkpoint that is complete on disk.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.checkpoint: Path | None = None
        self.epochs = 0
        self.since = time.monotonic()
        self.heads = 0
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
    def codaar_run_start(self, directory: Path, parameters: int) -> None:
        """Say where it goes."""
        self._line(f"run {directory}, {parameters:,} parameters")
        self.bars.start()

    @hook
    def codaar_epoch_start(self, epoch: int, epochs: int, steps: int) -> None:
        """Begin the bar of pretraining, and the clock."""
        self.epochs, self.since = epochs, time.monotonic()
        if self.task is None:
            self.task = self._bar("pretrain", epochs * steps)

    @hook
    def codaar_step_end(self, step: int) -> None:
        """Move the bar; nothing is read from the device."""
        self._move(completed=step + 1)

    @hook
    def codaar_step_logged(self, values: Mapping[str, float]) -> None:
        """Show the loss beside the bar."""
        self._move(note=f"total {values['total']:.4g}")

    @hook
    def codaar_epoch_end(self, epoch: int, values: Mapping[str, float]) -> None:
        """One line an epoch."""
        self._line(f"epoch {epoch + 1}/{self.epochs}  {_epoch_values(values)}  {self._seconds()}")

    @hook
    def codaar_checkpoint_saved(self, path: Path) -> None:
        """Know what can be resumed."""
        self.checkpoint = Path(path)

    @hook
    def codaar_benchmark_start(self, benchmark: str, heads: int) -> None:
        """Begin a bar, and the clock."""
        self.since, self.heads = time.monotonic(), heads
        if self.task is not None:
            self.bars.remove_task(self.task)
        self.task = self._bar(benchmark, heads)

    @hook
    def codaar_head_end(self) -> None:
        """Move the bar."""
        self._move(advance=1)

    @hook
    def codaar_benchmark_end(self, benchmark: str, results: Sequence[Mapping[str, Any]]) -> None:
        """One line a benchmark."""
        self._line(f"{benchmark}  {_headline(results)}  {self.heads} heads  {self._seconds()}")

    @hook
    def codaar_run_end(self) -> None:
        """Take the bars away, however the run ended."""
        self.bars.stop()

    def _move(self, **change: Any) -> None:
        if self.task is not None:
            self.bars.update(self.task, **change)

    def _bar(self, name: str, total: int) -> TaskID:
        return self.bars.add_task(name, total=total, note="")

    def _line(self, line: str) -> None:
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _seconds(self) -> str:
        return f"{time.monotonic() - self.since:.1f} s"


def _epoch_values(values: Mapping[str, float]) -> str:
    """The total loss, and the perplexity of each codebook."""
    perplexity = {name.partition(".")[2]: value for name, value in values.items() if name.startswith("perplexity.")}
    codebooks = [f"{name} {value:.1f}" for name, value in perplexity.items()]
    return "  ".join([f"total {values['total']:.4g}", *(["perplexity " + ", ".join(codebooks)] if codebooks else [])])


def _headline(results: Sequence[Mapping[str, Any]]) -> str:
    """The mean of the headline metric over the transfers that count, beside chance."""
    counted = [each for each in results if each["headline"] and not each["caveat"]]
    if not counted:
        return f"{len(results)} results"
    score, chance = fmean(each["mean"] for each in counted), fmean(each["chance"] for each in counted)
    return f"{counted[0]['metric']} {100 * score:.1f} (chance {100 * chance:.1f})"
