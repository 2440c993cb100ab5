"""Resumes a run that ended early, with the same recipe only."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import tomli

from codaar_core.api import CodaarError
from codaar_core.engine.record.checkpoint import intact_checkpoint
from codaar_core.engine.record.lock import resume_command
from codaar_core.engine.record.lock_comparison import compare, read_lock
from codaar_core.engine.record.run_directory import ORIGIN, REPORT, RunDirectory
from codaar_core.engine.record.settings_paths import flattened
from codaar_core.engine.results import parse
from codaar_core.recipe import load
from codaar_core.recipe.plan import Plan

CHANGEABLE = (
    "run.directory",
    "run.log_every",
    "run.keep",
    "run.best",
    "run.hooks",
    "run.plugins",
    "hooks.",
    "device.threads",
    "device.ahead",
    "data.workers",
    "evaluate.every",
    "evaluate.",
    "bench.",
)
"""Settings that may change when a run is resumed: they do not affect the trained weights."""

WITHOUT_EFFECT = tuple(path for path in CHANGEABLE if path not in ("evaluate.", "bench."))
"""Settings that do not affect any result."""


UNREADABLE = "unreadable"
LENGTH = "run.epochs"
OVER_THE_RUN = ("cosine", "linear")  # schedules that reach 0 at the last step


class Continuation(Enum):
    """How a run directory is continued with a plan."""

    RESUME = "it is not finished: resume it"
    NOTHING = "it is finished with these settings"
    EVALUATE = "it is finished, and the plan evaluates it differently"
    TRAIN_ON = "it is finished, and the plan trains for more epochs"


def continuation(plan: Plan, directory: RunDirectory) -> Continuation:
    """Decide how a run is continued.

    Raises:
        CodaarError: The plan has other settings that affect the weights.
    """
    if not is_complete(directory):
        refuse_changes(plan, directory)
        return Continuation.RESUME
    if _trains_on(plan, directory):
        refuse_changes(plan, directory, (*CHANGEABLE, LENGTH))
        _refuse_schedule_over_run(plan, directory)
        return Continuation.TRAIN_ON
    refuse_changes(plan, directory)
    return Continuation.EVALUATE if any(changes(plan, directory, WITHOUT_EFFECT)) else Continuation.NOTHING


def _refuse_schedule_over_run(plan: Plan, directory: RunDirectory) -> None:
    """Refuse to train on where the learning rate of every step depends on the number of epochs.

    Raises:
        CodaarError: The schedule is cosine or linear.
    """
    schedule = plan.optimizer.schedule
    if schedule in OVER_THE_RUN:
        raise CodaarError(
            f'{directory.path} cannot be trained on: with optimizer.schedule = "{schedule}" its learning rates are '
            f"those of a run with fewer epochs",
            "start a new run, without --resume",
        )


def is_complete(directory: RunDirectory) -> bool:
    """Whether a run is finished and its results can be read."""
    if directory.last_known("status") != "finished":
        return False
    try:
        parse(json.loads((directory.path / "results.json").read_text("utf-8")))
    except (OSError, ValueError, RecursionError):
        return False
    return True


def _trains_on(plan: Plan, directory: RunDirectory) -> bool:
    """Whether a plan has more epochs than a run with weights of its own; imported ones have no optimizer state."""
    before = _read_resolved(directory.path / "resolved.toml").get("run", {}).get("epochs")
    return isinstance(before, int) and plan.run.epochs > before and directory.last_known(ORIGIN) is None


def find_run(plan: Plan, resume: str) -> RunDirectory | None:
    """Return the run directory to resume.

    Args:
        plan: The plan.
        resume: A run directory, or "auto" for the newest unfinished run of the plan.

    Returns:
        The run directory; None if "auto" finds no unfinished run with an intact checkpoint.

    Raises:
        CodaarError: ``resume`` is not a run directory.
    """
    if resume == "auto":
        unfinished = unfinished_run(plan)
        return None if unfinished is None else RunDirectory(unfinished)
    directory = RunDirectory(Path(resume))
    if not (directory.path / "resolved.toml").is_file():
        directory.status()  # says whether this is a run directory at all
    return directory


def unfinished_run(plan: Plan) -> Path | None:
    """Return the newest run of a plan that ended early and has an intact checkpoint, or None.

    A run whose status.json is damaged counts as unfinished, but every other one is preferred.
    """
    early = [(directory, status) for directory, status in _runs(plan) if status != "finished"]
    for directory, _ in sorted(early, key=lambda run: run[1] == UNREADABLE):
        if _has_settings(plan, directory, CHANGEABLE) and intact_checkpoint(directory.checkpoints):
            return directory.path
    return None


def finished_run(plan: Plan) -> Path | None:
    """Return the newest finished run of this plan, or None; settings without effect on results may differ."""
    return _newest_finished(plan, WITHOUT_EFFECT)


def nothing_to_resume(plan: Plan) -> Path | None:
    """Return the finished run of this plan if there is one and no unfinished one; "auto" has nothing to do then.

    Raises:
        CodaarError: The finished run was evaluated with other settings.
    """
    finished, trained = finished_run(plan), _newest_finished(plan, CHANGEABLE)
    if trained is None or unfinished_run(plan) is not None:
        return None
    if finished is None:
        raise CodaarError(
            f"{trained} is finished, but was evaluated with other settings",
            f"evaluate it again: {resume_command(plan, trained)}",
        )
    return finished


def checkpoint_to_resume(directory: RunDirectory) -> Path:
    """Return the newest intact checkpoint of a run.

    Raises:
        CodaarError: There is none.
    """
    found = intact_checkpoint(directory.checkpoints)
    if found is None:
        raise CodaarError(f"no intact checkpoint in {directory.checkpoints}", "start a new run, without --resume")
    return found


def results_are_complete(plan: Plan, directory: RunDirectory, current_lock: Mapping[str, Any]) -> bool:
    """Whether the run was killed while its report was written, and would give the same results again."""
    if directory.last_known("phase") != REPORT or not (directory.path / "results.json").is_file():
        return False
    try:
        before = read_lock(directory.path)
    except CodaarError:
        return False
    return not any(compare(before, current_lock)) and not any(changes(plan, directory, WITHOUT_EFFECT))


def _newest_finished(plan: Plan, ignored: tuple[str, ...]) -> Path | None:
    finished = (directory for directory, status in _runs(plan) if status == "finished")
    return next((directory.path for directory in finished if _has_settings(plan, directory, ignored)), None)


def _runs(plan: Plan) -> Iterator[tuple[RunDirectory, str]]:
    """Yield the run directories of a plan's name with their status, newest first."""
    for path in sorted((Path(plan.run.directory) / plan.run.name).glob("*/status.json"), reverse=True):
        directory = RunDirectory(path.parent)
        try:
            status = directory.status()["status"]
        except CodaarError as error:
            warnings.warn(f"{error.message}; {error.help}", stacklevel=2)
            status = UNREADABLE
        yield directory, status


def _has_settings(plan: Plan, directory: RunDirectory, ignored: tuple[str, ...]) -> bool:
    """Whether a run has the plan's settings; one whose resolved.toml is damaged has not, which is warned of."""
    try:
        return not any(changes(plan, directory, ignored))
    except CodaarError as error:
        warnings.warn(f"{error.message}; this run is left out", stacklevel=2)
        return False


def refuse_changes(plan: Plan, directory: RunDirectory, ignored: tuple[str, ...] = CHANGEABLE) -> None:
    """Refuse to resume a run with other settings than it was started with, except ``ignored`` paths and prefixes.

    Raises:
        CodaarError: Settings that affect the weights differ (all are listed), or resolved.toml cannot be read.
    """
    changed = list(changes(plan, directory, ignored))
    if changed:
        raise CodaarError(
            f"the recipe has changed since {directory.path} began: {'; '.join(changed)}",
            "undo the changes or start a new run",
        )


def changes(plan: Plan, directory: RunDirectory, ignored: tuple[str, ...] = CHANGEABLE) -> Iterator[str]:
    """Yield the settings that differ between a plan and a run directory, except ``ignored`` paths and prefixes."""
    file = directory.path / "resolved.toml"
    before = dict(flattened(_read_resolved(file)))
    now = dict(flattened(plan.resolved))
    if now.keys() - before.keys():
        before = _defaults_of_new_settings(file) | before
    for path in sorted(before.keys() | now.keys()):
        if before.get(path) != now.get(path) and not path.startswith(ignored):
            yield f"{path} was {before.get(path, 'not given')!r}, is {now.get(path, 'not given')!r}"


def _defaults_of_new_settings(file: Path) -> dict[str, Any]:
    """Return all settings of a run as this version completes them; those that the run's version lacked have defaults.

    The default of a new setting is the old behaviour (docs/versioning.md), so that it is no change.
    """
    try:
        return dict(flattened(load(file).resolved))
    except CodaarError:  # e.g. a plug-in of the run is not installed any more: every difference counts
        return {}


def _read_resolved(file: Path) -> dict[str, Any]:
    try:
        return tomli.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CodaarError(f"{file} cannot be read: {error}", "this run cannot be resumed; start a new one") from error
