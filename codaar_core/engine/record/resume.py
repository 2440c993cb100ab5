"""Going on with a run that ended early: only with the same recipe."""

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

HARMLESS = (
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
"""Settings that may change on a resume: none of them touches the trained weights."""

INVISIBLE = tuple(path for path in HARMLESS if path not in ("evaluate.", "bench."))
"""Settings that change no result."""


def find_run(plan: Plan, resume: str) -> RunDirectory:
    """The run directory to go on with.

    Raises:
        CodaarError: There is none, or it has no checkpoint.
    """
    if resume != "auto":
        directory = RunDirectory(Path(resume))
        directory.status()
        return directory
    begun = unfinished_run(plan)
    if begun is None:
        raise CodaarError(
            f"no unfinished run of this recipe with a checkpoint in {_folder(plan)}", "start it without --resume"
        )
    return RunDirectory(begun)


def unfinished_run(plan: Plan) -> Path | None:
    """The newest run of a plan that ended early and left a checkpoint."""
    for directory, status in _runs(plan):
        if status != "finished" and complete_checkpoints(directory.checkpoints) and not list(changes(plan, directory)):
            return directory.path
    return None


def finished_run(plan: Plan) -> Path | None:
    """The newest finished run of exactly this plan."""
    for directory, status in _runs(plan):
        if status == "finished" and not list(changes(plan, directory, INVISIBLE)):
            return directory.path
    return None


def _folder(plan: Plan) -> Path:
    return Path(plan.run.directory) / plan.run.name


def _runs(plan: Plan) -> Iterator[tuple[RunDirectory, str]]:
    """Run directories under the name of a plan, the newest first."""
    for path in sorted(_folder(plan).glob("*/status.json"), reverse=True):
        directory = RunDirectory(path.parent)
        yield directory, directory.status()["status"]


def refuse_changes(plan: Plan, directory: RunDirectory) -> None:
    """A run goes on only as it began.

    Raises:
        CodaarError: Settings that shape the weights differ; all are listed. Or it is not known how it began.
    """
    found = list(changes(plan, directory))
    if found:
        listed = "; ".join(found)
        raise CodaarError(
            f"the recipe has changed since {directory.path} began: {listed}", "undo the changes or start a new run"
        )


def changes(plan: Plan, directory: RunDirectory, harmless: tuple[str, ...] = HARMLESS) -> Iterator[str]:
    """Settings that differ between a plan and a run directory, but for harmless ones."""
    before = dict(flattened(_begun_with(directory.path / "resolved.toml")))
    now = dict(flattened(plan.resolved))
    for path in sorted(before.keys() | now.keys()):
        if before.get(path) != now.get(path) and not path.startswith(harmless):
            yield f"{path} was {before.get(path, 'not given')!r}, is {now.get(path, 'not given')!r}"


def _begun_with(file: Path) -> dict[str, Any]:
    try:
        return tomli.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CodaarError(f"{file} cannot be read: {error}", "this run cannot go on; start a new one") from error
