"""The progress display of a run."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from codaar_core.cli import periodic_lines
from codaar_core.cli.periodic_lines import INTERVAL, PeriodicLines, duration
from codaar_core.cli.progress import Progress


def shown(terminal: bool) -> str:
    console = Console(force_terminal=terminal, width=120, record=True, file=io.StringIO())
    progress = Progress(console)
    progress.codaar_run_start(directory=Path("runs/x"), parameters=1234, codewords=8, step=0)
    for epoch in range(2):
        progress.codaar_epoch_start(epoch=epoch, epochs=2, steps=3)
        for step in range(3 * epoch, 3 * epoch + 3):
            progress.codaar_step_end(step=step)
            progress.codaar_step_logged(values={"total": 1.0})
        used = {"epoch_used.north": 7.0, "epoch_used.east": 6.0}
        perplexity = {"epoch_perplexity.north": 4.0, "epoch_perplexity.east": 5.66}
        values = {"total": 2.5, "grad_norm": 1.0, "perplexity.north": 3.0, **used, **perplexity}
        progress.codaar_epoch_end(epoch=epoch, values=values if epoch else {**values, "validation.total": 2.75})
    progress.codaar_benchmark_start(benchmark="judge", heads=2)
    progress.codaar_head_end()
    transfer = {"benchmark": "judge", "train": "a", "test": "b"}
    entry = {**transfer, "metric": "accuracy", "headline": True, "mean": 0.5, "chance": 0.1, "caveat": ""}
    progress.codaar_benchmark_end(
        benchmark="judge", results=[entry, {**entry, "mean": 0.7}, {**entry, "headline": False}]
    )
    progress.codaar_run_end()
    return console.export_text()


@pytest.mark.parametrize("terminal", [False, True])
def test_one_line_per_epoch_and_benchmark(terminal):
    output = shown(terminal)
    codes = "used north 7, east 6 of 8  entropy north 2.0, east 2.5 of 3.0 bits"
    lines = [
        "run runs/x, 1,234 parameters",
        f"epoch 1/2  total 2.5  held-out 2.75  {codes}  0.0 s",
        f"epoch 2/2  total 2.5  {codes}  0.0 s",
        "judge  accuracy 60.0 (chance 10.0)  2 heads  0.0 s",
    ]
    assert all(line in output for line in lines) if terminal else output.splitlines() == lines


def test_codewords_in_use_are_of_a_level_where_a_step_has_several_codes():
    output = io.StringIO()
    progress = Progress(Console(file=output, width=200))
    progress.codaar_run_start(directory=Path("runs/x"), parameters=1, codewords=16, step=0)
    used = {"epoch_used.north.level-0": 7.0, "epoch_used.north.level-1": 6.0}
    perplexity = {"epoch_perplexity.north.level-0": 4.0, "epoch_perplexity.north.level-1": 5.66}
    progress.codaar_epoch_end(epoch=0, values={"total": 2.5, **used, **perplexity})
    progress.codaar_run_end()
    assert "used north.level-0 7, north.level-1 6 of 8  entropy north.level-0 2.0, north.level-1 2.5 of 3.0 bits" in (
        output.getvalue()
    )


class Minutes:
    """A clock that is set by hand, and the lines that were printed by it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lines: list[str] = []
        self.periodic = PeriodicLines(self.lines.append, lambda: self.now)

    def at(self, seconds: float) -> list[str]:
        """The lines that are printed at a time."""
        self.now = seconds
        assert 0 < self.periodic.speak_if_due() <= INTERVAL < 60
        said, self.lines[:] = list(self.lines), []
        return said


def test_a_line_a_minute_says_how_far_the_task_is_and_how_long_it_takes():
    clock = Minutes()
    clock.periodic.begin("pretrain", "steps", 1000, done=400)
    clock.now = 50
    clock.periodic.advance(500)
    assert clock.at(54) == []
    assert clock.at(56) == ["pretrain  500/1000 steps  about 4 min left"]
    assert clock.at(100) == []
    clock.now = 105
    clock.periodic.advance(600)
    clock.periodic.another_line()  # e.g. that of an epoch
    assert clock.at(120) == []
    assert clock.at(161) == ["pretrain  600/1000 steps  about 3 min left  no further one for 56 s"]


def test_a_task_without_a_finished_unit_has_no_time_left():
    clock = Minutes()
    clock.periodic.begin("judge", "heads", 2)
    assert clock.at(60) == ["judge  0/2 heads  no further one for 60 s"]
    clock.periodic.advance_by_one()
    assert clock.at(115) == ["judge  1/2 heads  about 5 s left  no further one for 55 s"]
    clock.periodic.advance_by_one()
    assert clock.at(180) == ["preparing the next phase, for 65 s so far"]


def test_a_step_that_takes_longer_than_the_rest_was_to_take_is_named():
    clock = Minutes()
    clock.periodic.begin("pretrain", "steps", 10)
    clock.now = 36
    clock.periodic.advance(9)
    assert clock.at(56) == ["pretrain  9/10 steps  no further one for 20 s"]


def test_there_are_lines_before_the_first_task():
    assert Minutes().at(300) == ["preparing the next phase, for 5 min so far"]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (119.4, "119 s"), (120, "2 min"), (7000, "117 min"), (7300, "2 h 2 min")]
)
def test_durations(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize("terminal", [False, True])
def test_a_thread_prints_the_lines_of_a_pipe_until_the_run_ends(terminal, monkeypatch):
    monkeypatch.setattr(periodic_lines, "INTERVAL", 0.01)
    console = Console(force_terminal=terminal, width=100, file=io.StringIO())
    progress = Progress(console)
    progress.codaar_run_start(directory=Path("runs/x"), parameters=1, codewords=8, step=0)
    [thread] = threads() or [None]
    assert (thread is None) == terminal
    if thread:
        wait_until(lambda: "preparing the next phase" in console.file.getvalue())
        assert thread.daemon
    progress.codaar_run_end()
    wait_until(lambda: not threads())


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "periodic lines"]


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.002)


def test_progress_matches_the_specification_of_hooks():
    import pluggy

    from codaar_core.api.hooks import PROJECT, Specification

    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Specification)
    manager.register(Progress(Console()))
    manager.check_pending()
