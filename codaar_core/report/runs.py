"""The runs below a folder, one line each, and the evaluations of a run."""

from __future__ import annotations

from pathlib import Path

import attrs

from codaar_core.api.errors import CodaarError
from codaar_core.engine.record.run_directory import EVALUATIONS, RunDirectory
from codaar_core.engine.results import HeadlineMean, headline_means
from codaar_core.report.codes import collapses
from codaar_core.report.record import read


@attrs.frozen
class Run:
    """A run directory, or the folder of an evaluation; without results it has neither mode nor headlines."""

    path: Path
    name: str
    stamp: str
    status: str
    mode: str = ""
    headlines: tuple[HeadlineMean, ...] = ()
    message: str = ""  # why it failed or was interrupted
    command: str = ""
    evaluations: tuple[Run, ...] = ()  # of the finished run, newest first
    collapses: tuple[str, ...] = ()  # collapsed codebooks, and heads no better than the best constant prediction


def list_runs(folder: Path | str = "runs") -> list[Run]:
    """Find the runs ``NAME/STAMP`` in a folder, by name, the oldest first."""
    paths = [file.parent for file in sorted(Path(folder).glob("*/*/status.json"))]
    return [attrs.evolve(_run(path), evaluations=list_evaluations(path)) for path in paths]


def newest_finished(folder: Path) -> Path | None:
    """The newest finished run in a folder ``runs/NAME``; None if there is none."""
    runs = sorted((file.parent for file in folder.glob("*/status.json")), reverse=True)
    return next((run for run in runs if RunDirectory(run).last_known("status") == "finished"), None)


def list_evaluations(run: Path) -> tuple[Run, ...]:
    """Find the evaluations of a model in its folder, newest first; damaged and failed ones are among them.

    Args:
        run: A run directory or model folder.
    """
    found = [path for path in (run / EVALUATIONS).glob("*") if path.is_dir() and not path.name.startswith(".")]
    return tuple(_run(path) for path in sorted(found, reverse=True))


def _run(path: Path) -> Run:
    directory = RunDirectory(path)
    status, message = (str(directory.last_known(name) or "") for name in ("status", "message"))
    run = Run(path, path.parent.name, path.name, status or "unreadable", message=message)
    try:
        results = read(path)
    except CodaarError as error:
        unreadable = status in ("", "finished")
        return attrs.evolve(run, status="unreadable" if unreadable else status, message=message or error.message)
    headlines = tuple(headline_means(results.transfers))
    collapsed = tuple(collapses(results))
    command = results.command
    return attrs.evolve(run, mode=results.mode, headlines=headlines, collapses=collapsed, command=command)
