"""The runs below a folder, one line each."""

from __future__ import annotations

from pathlib import Path

import attrs

from codaar_core.api.errors import CodaarError
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.engine.results import HeadlineMean, headline_means
from codaar_core.report.codes import collapses
from codaar_core.report.record import read


@attrs.frozen
class Run:
    """A run directory; without results it has neither mode nor headlines."""

    path: Path
    name: str
    stamp: str
    status: str
    mode: str = ""
    headlines: tuple[HeadlineMean, ...] = ()
    collapses: tuple[str, ...] = ()  # collapsed codebooks, and heads no better than the best constant prediction


def list_runs(folder: Path | str = "runs") -> list[Run]:
    """Find the runs ``NAME/STAMP`` in a folder, by name, the oldest first."""
    return [_run(path.parent) for path in sorted(Path(folder).glob("*/*/status.json"))]


def _run(path: Path) -> Run:
    run = Run(path, path.parent.name, path.name, _status(path))
    try:
        results = read(path)
    except CodaarError:
        return run
    headlines = tuple(headline_means(results.transfers))
    return attrs.evolve(run, mode=results.mode, headlines=headlines, collapses=tuple(collapses(results)))


def _status(path: Path) -> str:
    return str(RunDirectory(path).last_known("status") or "unreadable")
