"""The progress display of a run."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from codaar_core.cli.progress import Progress


def shown(terminal: bool) -> str:
    console = Console(force_terminal=terminal, width=100, record=True, file=io.StringIO())
    progress = Progress(console)
    progress.codaar_run_start(directory=Path("runs/x"), parameters=1234, step=0)
    for epoch in range(2):
        progress.codaar_epoch_start(epoch=epoch, epochs=2, steps=3)
        for step in range(3 * epoch, 3 * epoch + 3):
            progress.codaar_step_end(step=step)
            progress.codaar_step_logged(values={"total": 1.0})
        progress.codaar_epoch_end(epoch=epoch, values={"total": 2.5, "perplexity.north": 7.25, "grad_norm": 1.0})
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
    lines = [
        "run runs/x, 1,234 parameters",
        "epoch 1/2  total 2.5  perplexity north 7.2  0.0 s",
        "epoch 2/2  total 2.5  perplexity north 7.2  0.0 s",
        "judge  accuracy 60.0 (chance 10.0)  2 heads  0.0 s",
    ]
    assert all(line in output for line in lines) if terminal else output.splitlines() == lines


def test_progress_matches_the_specification_of_hooks():
    import pluggy

    from codaar_core.api.hooks import PROJECT, Specification

    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Specification)
    manager.register(Progress(Console()))
    manager.check_pending()
