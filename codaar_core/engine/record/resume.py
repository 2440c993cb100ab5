"""Resumes a run that ended early, with the same recipe only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tomli

from codaar_core.api import CodaarError
from codaar_core.engine.record.checkpoint import complete_checkpoints
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.engine.record.settings_paths import flattened
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
    "evaluate.",
    "bench.",
)
"""Settings that may change when a run is resumed: they do not affect the trained weights."""

WITHOUT_EFFECT = tuple(path for path in CHANGEABLE if path not in ("evaluate.", "bench."))
"""Settings that do not affect any result."""


def find_run(plan: Plan, resume: str) -> RunDirectory:
    """Return the run directory to resume.

    Args:
        plan: The plan.
        resume: A run directory, or "auto" for the newest unfinished run of the plan.

    Raises:
        CodaarError: ``resume`` is not a run directory, or there is no unfinished run with a checkpoint.
    """
    if resume != "auto":
        directory = RunDirectory(Path(resume))
        directory.status()
        return directory
    unfinished = unfinished_run(plan)
    if unfinished is None:
        raise CodaarError(
            f"no unfinished run of this recipe with a checkpoint in {_folder(plan)}", "start it without --resume"
        )
    return RunDirectory(unfinished)


def unfinished_run(plan: Plan) -> Path | None:
    """Return the newest run of a plan that ended early and has a checkpoint, or None."""
    for directory, status in _runs(plan):
        if status != "finished" and complete_checkpoints(directory.checkpoints) and not list(changes(plan, directory)):
            return directory.path
    return None


def finished_run(plan: Plan) -> Path | None:
    """Return the newest finished run of this plan, or None; settings without effect on results may differ."""
    for directory, status in _runs(plan):
        if status == "finished" and not list(changes(plan, directory, WITHOUT_EFFECT)):
            return directory.path
    return None


def _folder(plan: Plan) -> Path:
    return Path(plan.run.directory) / plan.run.name


def _runs(plan: Plan) -> Iterator[tuple[RunDirectory, str]]:
    """Yield the run directories of a plan's name with their status, newest first."""
    for path in sorted(_folder(plan).glob("*/status.json"), reverse=True):
        directory = RunDirectory(path.parent)
        yield directory, directory.status()["status"]


def refuse_changes(plan: Plan, directory: RunDirectory) -> None:
    """Refuse to resume a run with other settings than it was started with.

    Raises:
        CodaarError: Settings that affect the weights differ (all are listed), or resolved.toml cannot be read.
    """
    changed = list(changes(plan, directory))
    if changed:
        raise CodaarError(
            f"the recipe has changed since {directory.path} began: {'; '.join(changed)}",
            "undo the changes or start a new run",
        )


def changes(plan: Plan, directory: RunDirectory, ignored: tuple[str, ...] = CHANGEABLE) -> Iterator[str]:
    """Yield the settings that differ between a plan and a run directory, except ``ignored`` paths and prefixes."""
    before = dict(flattened(_read_resolved(directory.path / "resolved.toml")))
    now = dict(flattened(plan.resolved))
    for path in sorted(before.keys() | now.keys()):
        if before.get(path) != now.get(path) and not path.startswith(ignored):
            yield f"{path} was {before.get(path, 'not given')!r}, is {now.get(path, 'not given')!r}"


def _read_resolved(file: Path) -> dict[str, Any]:
    try:
        return tomli.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CodaarError(f"{file} cannot be read: {error}", "this run cannot be resumed; start a new one") from error
