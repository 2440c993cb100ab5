"""Fast tests first, slow ones last, of these the longest first: then no worker waits long at the end."""

from __future__ import annotations

import os
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"  # as many workers as cores; threads beyond that wait for each other

import hypothesis
import pytest
from environments import environment, wheels  # noqa: F401
from toy_plugins import here, site, toy  # noqa: F401

from codaar_core.cli.commands import codaar
from codaar_core.cli.errors import run_command

ROOT = Path(__file__).resolve().parents[1]
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)  # the same draws every time
hypothesis.settings.register_profile("exploring", deadline=None)  # new ones: pytest --hypothesis-profile exploring
hypothesis.settings.load_profile("repeatable")


def pytest_collection_modifyitems(items):
    items.sort(key=_place)


def _place(item) -> tuple[bool, int]:
    slow = item.get_closest_marker("slow")
    return slow is not None, -slow.kwargs.get("seconds", 15) if slow else 0


@pytest.fixture
def call(capsys):
    """Run the command line; gives exit code, output and errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = run_command(codaar, list(arguments), "codaar")
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Reference numbers and real recordings beside the checkout; not part of it."""
    folder = Path(os.environ.get("CODAAR_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"needs the reference folder {folder} (set CODAAR_SHARED)")
    return folder
