"""All of codaar_core passes mypy, and says so to the type checkers of plug-in authors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_mypy_finds_no_error():
    command = [sys.executable, "-m", "mypy", "-p", "codaar_core"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_type_checkers_see_lazy_exports(tmp_path):
    """Of every package whose names are listed in a stub: a known name has its type, an unknown one is an error."""
    program = tmp_path / "program.py"
    program.write_text(
        "import codaar_core\n"
        "from codaar_core import run, validate\n"
        "from codaar_core.api import Loss, setting\n"
        "from codaar_core.engine import open_model\n"
        "from codaar_core.features import ClipSplit\n"
        "from codaar_core.report import list_runs\n"
        "from codaar_core.testing import codaar_checks\n"
        "reveal_type(validate('x.toml'))\n"
        "codaar_core.nothing_like_it\n"
    )
    done = subprocess.run([sys.executable, "-m", "mypy", str(program)], cwd=ROOT, capture_output=True, text=True)
    assert "list[codaar_core.recipe.toml.problem.Problem]" in done.stdout
    errors = [line for line in done.stdout.splitlines() if " error: " in line]
    assert len(errors) == 1 and 'has no attribute "nothing_like_it"' in errors[0], done.stdout


def test_the_package_is_marked_as_typed():
    assert (ROOT / "codaar_core" / "py.typed").is_file()
    stubs = {path.parent for path in (ROOT / "codaar_core").rglob("__init__.pyi")}
    lazy = {path.parent for path in (ROOT / "codaar_core").rglob("__init__.py") if "lazy_loader" in path.read_text()}
    assert stubs == lazy
