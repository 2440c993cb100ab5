"""Only the toy plug-in is installed, and the working folder contains a small recipe."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_plugins import SMALL


@pytest.fixture(autouse=True)
def installed(site, here):
    site.add_toy()
    Path("small.toml").write_text(SMALL)


@pytest.fixture
def engine(monkeypatch):
    """A stand-in for the engine; gives the arguments of its last run."""
    from codaar_core import engine, report

    asked = {}

    def run(plan, resume=None, observers=(), locked=None, write_report=None, reuse=False):
        asked.update(plan=plan, resume=resume, observers=observers, locked=locked)
        if "fails" in asked:
            raise asked["fails"]
        Path("finished").mkdir()
        return Path("finished")

    monkeypatch.setattr(engine, "run", run)
    monkeypatch.setattr(report, "write", lambda directory, control=None: directory / "report.html")
    monkeypatch.setattr(report, "read", lambda directory: {"name": f"what is in {directory}"})
    monkeypatch.setattr(
        report, "terminal", lambda results, console: console.print("table of", results["name"]), raising=False
    )
    return asked
