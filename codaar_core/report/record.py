"""Reads results.json of a finished run; without one, the error says which state the run is in."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from codaar_core.api.errors import CodaarError, DataError
from codaar_core.engine.record.run_directory import EVALUATIONS, RunDirectory
from codaar_core.engine.results import FORMAT, Results, parse

RESUME = "codaar-run {run}/resolved.toml --resume {run}"
ADVICE = {
    "running": "wait until it has finished",
    "finished": "evaluate again: {resume}",
    "interrupted": "go on with: {resume}",
    "failed": "remove the cause, then go on with: {resume}",
    "imported": "evaluate it: codaar evaluate {run}",
}


def _advice(state: str, run: Path) -> str:
    """What to do with a run, or with an evaluation of a model, that has no results."""
    path = shlex.quote(str(run))
    resume = RESUME.format(run=path)
    if run.parent.name == EVALUATIONS:
        resume = f"codaar evaluate {shlex.quote(str(run.parent.parent))} {path}/resolved.toml --resume"
    return ADVICE.get(state, ADVICE["failed"]).format(run=path, resume=resume)


def read(run_directory: Path) -> Results:
    """Load the results of a run.

    Raises:
        CodaarError: The run has no results yet, or its results are not those of a finished run.
        DataError: results.json is damaged, or of a format that this version does not know.
    """
    run = Path(run_directory)
    path = run / "results.json"
    if not path.is_file():
        raise _no_results(run)
    values = _loaded(path)
    try:
        results = parse(values)
    except ValueError as error:
        raise DataError(f"{path} {error}", _help(values, run)) from error
    if results.status != "finished":
        raise _unfinished(run, {"status": results.status})
    return results


def _loaded(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read ({error})", _advice("finished", path.parent)) from error


def _help(values: Any, run: Path) -> str:
    """A newer file needs a newer version; any other one is damaged."""
    written = values.get("format") if isinstance(values, dict) else None
    if isinstance(written, int) and written > FORMAT:
        return "install the version of codaar-core that wrote it; lock.toml beside it names that version"
    return _advice("finished", run)


def _no_results(run: Path) -> CodaarError:
    if not (run / "status.json").exists():
        why = f"{run} is not a run directory: it has no results.json" if run.exists() else f"there is no folder {run}"
        return CodaarError(why, "give a folder like runs/NAME/STAMP")
    try:
        return _unfinished(run, RunDirectory(run).status())
    except CodaarError as error:
        return error


def _unfinished(run: Path, status: dict[str, Any]) -> CodaarError:
    state = str(status.get("status", "unknown"))
    why = f" ({status['message']})" if status.get("message") else ""
    return CodaarError(f"no results in {run}: the run's status is {state}{why}", _advice(state, run))
