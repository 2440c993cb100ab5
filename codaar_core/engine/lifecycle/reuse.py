"""A run takes over the pretraining of another one, or its beginning."""

from __future__ import annotations

import os
import shutil
from collections.abc import MutableMapping
from pathlib import Path

import attrs

from codaar_core.api import CodaarError
from codaar_core.engine.evaluation.learning_curves import FILE as CURVES
from codaar_core.engine.lifecycle.pretrained import results_of
from codaar_core.engine.lifecycle.start import Start
from codaar_core.engine.record.checkpoint import intact_checkpoint
from codaar_core.engine.record.checkpoint_state import BEST, read_state
from codaar_core.engine.record.journal import EVENTS
from codaar_core.engine.record.pretraining_clips import PRETRAINING_CLIPS
from codaar_core.engine.record.run_directory import PRETRAINED_IN, RunDirectory
from codaar_core.engine.results import Pretraining
from codaar_core.features.files import write_whole, written_aside


def continue_from(source: RunDirectory, directory: RunDirectory) -> Start:
    """Copy the newest intact checkpoint of ``source`` to a new run, with the best one, its events, curves and clips.

    Args:
        source: The earlier run; it is only read.
        directory: The new run directory.

    Returns:
        The start of the new run, at the copied checkpoint.

    Raises:
        CodaarError: ``source`` has no intact checkpoint, or the copy cannot be written.
    """
    checkpoint = intact_checkpoint(source.checkpoints)
    if checkpoint is None:
        raise CodaarError(f"no intact checkpoint in {source.checkpoints}", "start a new run without it")
    directory.set_status("running", phase="start", **{PRETRAINED_IN: str(source.path)})
    for name in (EVENTS, CURVES, PRETRAINING_CLIPS):
        if (source.path / name).is_file():
            write_whole(directory.path / name, (source.path / name).read_bytes())
    directory.checkpoints.mkdir(exist_ok=True)
    best = read_state(checkpoint).best
    if best is not None and (source.checkpoints / f"{BEST}{best.step}").is_dir():
        _link(source.checkpoints / f"{BEST}{best.step}", directory.checkpoints)
    return Start(directory.path, _link(checkpoint, directory.checkpoints))


def _link(folder: Path, to: Path) -> Path:
    """Make a folder of hard links to the files of ``folder``, or of copies where links are impossible."""
    with written_aside(to / folder.name) as aside:
        aside.mkdir()
        for file in folder.iterdir():
            try:
                os.link(file, aside / file.name)
            except OSError:  # another file system
                shutil.copy2(file, aside / file.name)
    return to / folder.name


def with_earlier_cost(
    cost: Pretraining, directory: RunDirectory, seconds: MutableMapping[str, float], trained: bool
) -> Pretraining:
    """Say where a pretraining was taken over from; if all of it was, its time is that of the earlier run.

    Args:
        cost: Time and memory of this process.
        directory: The run directory.
        seconds: Wall time by phase; that of a pretraining without a step of this process is replaced or removed.
        trained: Whether this process made a step.
    """
    earlier = directory.last_known(PRETRAINED_IN)
    if not trained:
        del seconds["pretrain"]
    if earlier is None:
        return cost
    if trained:
        return attrs.evolve(cost, run=str(earlier))
    results = results_of(Path(earlier))
    if results is None:
        return attrs.evolve(cost, peak_gb=None, run=str(earlier))
    if "pretrain" in results.seconds:
        seconds["pretrain"] = results.seconds["pretrain"]
    took = results.pretraining
    run = took.run or str(earlier)
    return attrs.evolve(cost, epoch_minutes=took.epoch_minutes, peak_gb=took.peak_gb, run=run)
