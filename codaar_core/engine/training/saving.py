"""Saves the state of pretraining: after an epoch, on a signal, and when a step was not finite."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import torch

from codaar_core.api import CodaarError
from codaar_core.engine.devices.signals import Interrupted
from codaar_core.engine.record.checkpoint import save_best, save_checkpoint
from codaar_core.engine.record.journal import epoch_row
from codaar_core.engine.training.nonfinite_guard import NonfiniteGuard
from codaar_core.engine.training.session import Session
from codaar_core.registry import did_you_mean


def save(session: Session, optimizer: torch.optim.Optimizer, step: int) -> Path:
    """Write the checkpoint ``step-N``, on rank zero; returns its path."""
    folder, state = session.directory.checkpoints, session.finished_epochs.state(step)
    path = folder / f"step-{step}"
    if session.runtime.is_first:
        save_checkpoint(folder, state, session.model, optimizer, session.extra_state(), session.plan.run.keep)
        session.hook.codaar_checkpoint_saved(path=path, step=step)
    return path


def commit_epoch(
    session: Session, optimizer: torch.optim.Optimizer, epoch: int, step: int, values: Mapping[str, float]
) -> None:
    """Save a finished epoch; all of it is on disk from the moment that ``step-N`` exists, and nothing of it before.

    ``best-N`` is written first, if the metric named by ``run.best`` is lower than in all earlier epochs. Then
    ``step-N``, which names it, is written, and the ``best-N`` before is removed. A process killed between the two
    leaves a ``best-N`` that no checkpoint names, which a resumed run removes.

    Args:
        session: The run.
        optimizer: Optimizer of the model.
        epoch: Number of the epoch, from 0.
        step: Steps done.
        values: Values of the epoch.

    Raises:
        CodaarError: ``run.best`` is not one of the values; or the disk is full.
    """
    finished, metric = session.finished_epochs, session.plan.run.best
    is_best = finished.add(epoch_row(epoch, step, values), metric)
    if is_best and session.runtime.is_first:
        folder, state = session.directory.checkpoints, finished.state(step)
        save_best(folder, state, session.model, optimizer, session.extra_state())
    save(session, optimizer, step)
    if metric and metric not in values:
        help = did_you_mean(metric, values) or f"the epoch metrics are {', '.join(values)}"
        raise CodaarError(f"run.best = {metric!r} is not an epoch metric; the state is saved", help)


def save_and_interrupt(
    session: Session, optimizer: torch.optim.Optimizer, guard: NonfiniteGuard, done: int, signal: int
) -> NoReturn:
    """Save a checkpoint after ``done`` steps and end the run because of a signal.

    Raises:
        Interrupted: Always; states the checkpoint and the command that resumes the run.
        CodaarError: An earlier step was not finite.
    """
    refuse_failure(session, optimizer, guard)
    path = save(session, optimizer, done)
    raise Interrupted(f"interrupted after step {done}; the state is saved in {path}", session.resume_command, signal)


def refuse_failure(session: Session, optimizer: torch.optim.Optimizer, guard: NonfiniteGuard) -> None:
    """End the run if a step had a non-finite loss or gradient, after saving the state before that step.

    Raises:
        CodaarError: A step was not finite; names the loss terms that are NaN or infinite.
    """
    failure = guard.failure()
    if failure is None:
        return
    epoch, step = int(failure.pop("epoch")), int(failure.pop("step"))
    path = save(session, optimizer, step)
    overall = {name: failure.pop(name) for name in ("total", "grad_norm")}
    bad = [f"losses.{name} is {value}" for name, value in failure.items() if not math.isfinite(value)]
    whole = "the gradient is not finite" if math.isfinite(overall["total"]) else "the sum of the losses overflows"
    raise CodaarError(
        f"{', '.join(bad) or whole} at step {step + 1} (epoch {epoch + 1}); "
        f"the state before that step is saved in {path}",
        "check the features for extreme values, or lower optimizer.lr or optimizer.clip",
    )
