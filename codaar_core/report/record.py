"""Reads results.json of a finished run; says how the run stands where there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from codaar_core.api.errors import CodaarError, DataError

FORMAT = 1
REQUIRED = ("name", "mode", "modalities", "transfers")
RESUME = "codaar-run RECIPE --resume {run}"
ADVICE = {
    "running": "wait until it has finished",
    "finished": f"evaluate again: {RESUME}",
    "interrupted": f"go on with: {RESUME}",
    "failed": f"remove the cause, then go on with: {RESUME}",
}


def read(run_directory: Path) -> dict[str, Any]:
    """Load the results of a run.

    Raises:
        CodaarError: The run has no results yet, or its results are not those of a finished run.
        DataError: results.json is damaged, or written in a format that this version does not know.
    """
    run = Path(run_directory)
    path = run / "results.json"
    if not path.is_file():
        raise _no_results(run)
    results = _parsed(path)
    if results.get("format") != FORMAT:
        raise DataError(
            f"{path} has results format {results.get('format')!r}, this version reads format {FORMAT}",
            "install the version of codaar-core that wrote it; lock.toml beside it names that version",
        )
    if missing := [key for key in REQUIRED if key not in results]:
        raise _damaged(path, f"lacks {', '.join(missing)}")
    if results.get("status", "finished") != "finished":
        raise _unfinished(run, results)
    return results


def _parsed(path: Path) -> dict[str, Any]:
    try:
        results = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path, f"cannot be read ({error})") from error
    if not isinstance(results, dict):
        raise _damaged(path, "holds no results")
    return results


def _damaged(path: Path, what: str) -> DataError:
    return DataError(f"{path} {what}", ADVICE["finished"].format(run=path.parent))


def _no_results(run: Path) -> CodaarError:
    try:
        status = json.loads((run / "status.json").read_text("utf-8"))
    except (OSError, ValueError):
        return CodaarError(f"{run} is no run directory: it has no results.json", "give a folder like runs/NAME/STAMP")
    return _unfinished(run, status)


def _unfinished(run: Path, status: dict[str, Any]) -> CodaarError:
    state = str(status.get("status", "unknown"))
    why = f" ({status['message']})" if status.get("message") else ""
    advice = ADVICE.get(state, ADVICE["failed"]).format(run=run)
    return CodaarError(f"no results in {run}: the run's status is {state}{why}", advice)
