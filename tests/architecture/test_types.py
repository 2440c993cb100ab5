"""What is typed throughout: mypy has no complaint about it."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TYPED = ("api", "cli", "engine", "recipe", "registry", "scaffold", "testing")


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed: pip install mypy")
def test_mypy_has_no_complaint():
    packages = [part for name in TYPED for part in ("-p", f"codaar_core.{name}")]
    done = subprocess.run([sys.executable, "-m", "mypy", *packages], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
