"""The command line starts quickly, and imports nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from toy_plugins import SMALL


def test_listing_with_twenty_plugins_is_quick(root):
    command = [sys.executable, root / "benchmarks" / "startup.py", "--repeat", "3"]
    (line,) = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    measured = json.loads(line)
    assert measured["plugins"] == 20
    assert measured["list_seconds"] < 2.5  # five times the promise, for busy machines
    assert measured["ratio"] == round(measured["ratio"], 2) > 1


@pytest.mark.parametrize(
    ("arguments", "printer"),
    [
        (["--help"], {"rich"}),
        (["run", "-h"], {"rich"}),
        (["list"], set()),
        (["list", "plugins"], set()),
        (["list", "runs"], set()),
        (["explain", "small.toml"], set()),
    ],
)
def test_nothing_heavy_is_imported(arguments, printer):
    """Listings print their columns by rich; help does not need it."""
    code = f"""
import sys
from codaar_core.cli.commands import codaar
from codaar_core.cli.errors import run_command
assert run_command(codaar, {arguments!r}, "codaar") == 0
heavy = {{"torch", "numpy", "matplotlib", "transformers", *{printer!r}}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_package_itself_is_light():
    code = "import sys, codaar_core.cli, codaar_core.recipe; assert not {'torch', 'rich'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("module", ["codaar_core", "codaar_core.api", "codaar_core.engine", "codaar_core.report"])
def test_a_package_of_lazy_exports_is_light_and_every_name_resolves(module):
    code = f"""
import sys, {module} as package
assert not {{"torch", "numpy", "rich"}} & set(sys.modules)
assert all(getattr(package, name) is not None for name in package.__all__)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_function_is_not_hidden_by_a_module_of_the_same_name():
    code = "import codaar_core.engine.run, codaar_core.engine as engine; assert callable(engine.run)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["diff", "small.toml", "small.toml"],
        ["registry", "verify"],
        ["registry", "entry", "csa"],
        ["lock", "-h"],
        ["lock", "absent"],
        ["report", "absent"],
        ["list", "runs", "."],
    ],
)
def test_these_do_not_import_torch(arguments):
    code = f"""
import sys
from codaar_core.cli.commands import codaar
from codaar_core.cli.errors import run_command
run_command(codaar, {arguments!r}, "codaar")
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_an_unknown_name_does_not_import_torch():
    recipe = SMALL.replace("toy", "absent")
    Path("absent.toml").write_text(recipe)
    code = """
import sys
from codaar_core import validate
assert len(validate("absent.toml")) == 3
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
