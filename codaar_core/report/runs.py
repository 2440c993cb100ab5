"""The runs below a folder, one line each."""

from __future__ import annotations

import json
from pathlib import Path

import attrs

from codaar_core.api.errors import CodaarError
from codaar_core.report.record import read
from codaar_core.report.summary import benchmarks


@attrs.frozen
class Headline:
    """The mean score of a benchmark over the transfers that count, and what guessing gives; fractions."""

    benchmark: str
    metric: str
    mean: float | None
    chance: float | None


@attrs.frozen
class Run:
    """A run directory; a run without results has neither mode nor headlines."""

    path: Path
    name: str
    stamp: str
    status: str
    mode: str = ""
    headlines: tuple[Headline, ...] = ()


def list_runs(folder: Path | str = "runs") -> list[Run]:
    """Find the runs ``NAME/STAMP`` in a folder, by name, the oldest first."""
    return [_run(path.parent) for path in sorted(Path(folder).glob("*/*/status.json"))]


def _run(path: Path) -> Run:
    run = Run(path, path.parent.name, path.name, _status(path))
    try:
        results = read(path)
    except CodaarError:
        return run
    headlines = tuple(
        Headline(each.name, each.metric, each.mean("mean"), each.mean("chance")) for each in benchmarks(results)
    )
    return attrs.evolve(run, mode=results["mode"], headlines=headlines)


def _status(path: Path) -> str:
    try:
        return str(json.loads((path / "status.json").read_text("utf-8"))["status"])
    except (OSError, ValueError, KeyError):
        return "unreadable"
