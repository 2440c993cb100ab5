"""The architecture as a test: who may import whom, and what core must not know."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import pytest
import tomli
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
CORE = sorted((ROOT / "codaar_core").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").glob("*/codaar_plugin_*/**/*.py"))
ALLOWED_CORE = (
    "codaar_core.api",
    "codaar_core.features",
    "codaar_core.nn",
    "codaar_core.testing",
)  # and the verbs of codaar_core itself
MODALITIES = ["audio", "video", "visual", "text", "speech", "image"]
METHODS = ["dta", "csa", "cmcm", "cpc", "infonce", "vgg", "vggish", "bert", "dcid", "micu", "codis"]
ACRONYMS = ["TURN", "CLUB"]  # ordinary words in small letters
BENCHMARKS = ["digits", "ave", "avvp", "ucf101", "vggsound", "clotho", "coco", "avsbench"]


def test_import_layers():
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_core_names_no_modality_method_or_benchmark(path):
    names = "|".join(MODALITIES + METHODS + BENCHMARKS)
    source = path.read_text("utf-8")
    assert not re.findall(rf"\b(?:{names})\b", source, re.IGNORECASE)
    assert not re.findall(rf"\b(?:{'|'.join(ACRONYMS)})\b", source)


def imported(path: Path) -> set[str]:
    return imported_in(ast.walk(ast.parse(path.read_text("utf-8"))))


def imported_in_functions(path: Path) -> set[str]:
    """What a module imports only when one of its functions is called."""
    module = ast.parse(path.read_text("utf-8"))
    functions = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)]
    inside = {id(node) for function in functions for node in ast.walk(function)}
    return imported(path) - imported_in(node for node in ast.walk(module) if id(node) not in inside)


def imported_in(nodes: Iterable[ast.AST]) -> set[str]:
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def declared_plugins(folder: Path) -> tuple[set[str], set[str]]:
    """Packages of the plug-ins that a plug-in says it depends on, and of those that one of its extras needs."""
    project = tomli.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    extras = chain.from_iterable(project.get("optional-dependencies", {}).values())
    return plugin_packages(project["dependencies"]), plugin_packages(extras)


def plugin_packages(needs: Iterable[str]) -> set[str]:
    names = (Requirement(need).name for need in needs)
    return {name.replace("-", "_") for name in names if name.startswith("codaar-plugin-")}


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: str(path.relative_to(ROOT / "plugins")))
def test_plugins_use_only_the_public_core_themselves_and_plugins_they_depend_on(path):
    """A plug-in that only an extra needs is imported inside the function that uses it."""
    folder, own = path.relative_to(ROOT / "plugins").parts[:2]
    needed, optional = declared_plugins(ROOT / "plugins" / folder)
    in_functions = imported_in_functions(path)
    for name in imported(path):
        allowed = {own, *needed, *(optional if name in in_functions else ())}
        if name.startswith("codaar_core."):
            assert name.startswith(ALLOWED_CORE), f"{name} is private"
        if name.startswith("codaar_plugin"):
            assert name.split(".")[0] in allowed, f"{name} belongs to a plug-in that {folder} does not depend on"


@pytest.mark.parametrize("folder", sorted((ROOT / "plugins").glob("*/")), ids=lambda path: path.name)
def test_a_plugin_is_a_distribution(folder):
    project = tomli.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["name"] == f"codaar-plugin-{folder.name.replace('_', '-')}"
    assert any(need.startswith("codaar-core") for need in project["dependencies"])
    assert (folder / "README.md").is_file()
    assert list((folder / "tests").glob("test_*.py"))
    assert re.search(rf"^-e plugins/{folder.name}(\[\w+\])?$", (ROOT / "requirements.txt").read_text("utf-8"), re.M)
