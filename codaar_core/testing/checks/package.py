"""Checks of distributions: they install, load fast and work with later versions of core."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from packaging.utils import canonicalize_name

import codaar_core
from codaar_core.registry import LoadProblem
from codaar_core.registry.entry import CORE, PREFIX
from codaar_core.registry.loading import load_installed
from codaar_core.testing.check import Violation, check, expect
from codaar_core.testing.package import Package, import_names

PUBLIC = ("codaar_core.api", "codaar_core.features", "codaar_core.nn", "codaar_core.testing")
HEAVY = (
    "accelerate",
    "av",
    "cv2",
    "datasets",
    "jax",
    "librosa",
    "matplotlib",
    "pandas",
    "scipy",
    "sklearn",
    "tensorboard",
    "tensorflow",
    "timm",
    "torchaudio",
    "torchmetrics",
    "torchvision",
    "transformers",
    "wandb",
)
LOADED = "codaar-loaded:"
IMPORT_TIME = 1.0  # at most, where importing torch and core takes 1
OFFLINE = """
def refuse(*_):
    raise OSError("no network while a plug-in is imported: fetch what is needed on first use")
socket.socket.connect = socket.getaddrinfo = refuse
"""


@check("package")
def entry_points(package: Package) -> None:
    """Every entry point loads and is a component of its kind: a recipe can name it."""
    problems = []
    for entry in package.entries:
        try:
            load_installed(entry)
        except LoadProblem as problem:
            problems.append(problem.message)
    expect(not problems, "; ".join(problems), f"fix this, or the entry points in pyproject.toml of {package.name}")


@check("package")
def distribution_name(package: Package) -> None:
    """The distribution is called codaar-plugin-NAME, normalised: NAME is how recipes name its provider."""
    expect(
        package.distribution == canonicalize_name(package.distribution) and package.distribution.startswith(PREFIX),
        f"expected a name like '{PREFIX}mine', lower-case letters and single hyphens; got {package.distribution!r}",
        f'write name = "{PREFIX}{package.name}" under [project] in pyproject.toml',
    )


@check("package")
def requires_core(package: Package) -> None:
    """It depends on codaar-core with an upper bound: pip installs both, and refuses an incompatible core."""
    found = [need for need in package.requires if canonicalize_name(need.name) == CORE]
    bounded = any(part.operator in ("<", "<=", "==", "~=") for need in found for part in need.specifier)
    expect(
        bounded,
        f"expected a dependency like '{CORE}>=0.1,<1'; got {', '.join(map(str, found)) or 'none'}",
        f'add "{CORE}>=0.1,<1" to dependencies in pyproject.toml',
    )


@check("package")
def licence(package: Package) -> None:
    """It says under which licence it may be used."""
    expect(package.licence, "the metadata have no licence", 'write license = "MIT" (or yours) under [project]')


@check("package")
def readme(package: Package) -> None:
    """It has a README: package indexes show it."""
    expect(package.readme, "the metadata have no long description", 'write readme = "README.md" under [project]')


@check("package")
def light_import(package: Package) -> None:
    """Importing it is quick: it loads no heavy library, uses no network and prints nothing."""
    targets = [entry.target.partition(":")[0] for entry in package.entries]
    done = _import_elsewhere(sorted({*import_names(package.entries), *targets}))
    expect(done.returncode == 0, f"the import fails: {done.stderr.strip()[-300:]}", "fix the import")
    printed, _, report = done.stdout.rpartition(LOADED)
    seconds, of_core, *loaded = report.split()
    heavy = [name for name in HEAVY if name in loaded]
    expect(
        not heavy,
        f"expected an import without heavy libraries; it imports {', '.join(heavy)}",
        "import them inside the function that needs them",
    )
    expect(not printed.strip(), f"the import prints {printed.strip()[:100]!r}", "print nothing while being imported")
    expect(
        float(seconds) <= IMPORT_TIME * float(of_core),
        f"the import takes {float(seconds):.1f} s beyond torch and core, which take {float(of_core):.1f} s",
        "move slow work (reading files, computing tables) into the functions that need it",
    )


def _import_elsewhere(modules: list[str]) -> subprocess.CompletedProcess[str]:
    """Import modules in a new interpreter, which prints what they loaded beyond torch and core."""
    imports = "\n".join(f"import {name}" for name in modules)
    script = (
        "import time\nstart = time.perf_counter()\nimport socket, sys, torch, codaar_core.nn\n"
        f"core = time.perf_counter()\nbefore = set(sys.modules)\n{OFFLINE}\n{imports}\nend = time.perf_counter()\n"
        f"print({LOADED!r}, end - core, core - start, *sorted(set(sys.modules) - before))"
    )
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


@check("package")
def public_core(package: Package) -> None:
    """It imports only the public modules of core: private ones may change in any version."""
    for path, tree in _trees(package):
        for name, line in _imported(tree):
            private = name.split(".")[0] == "codaar_core" and not _is_public(name)
            expect(
                not private,
                f"{path.name}:{line} imports {name}, which is private",
                f"import functions of codaar_core, or from {' or '.join(PUBLIC)}; what is missing, request in an issue",
            )


def _is_public(name: str) -> bool:
    module = any(name == public or name.startswith(f"{public}.") for public in PUBLIC)
    return module or name.removeprefix("codaar_core.") in dir(codaar_core)  # the Python interface


@check("package")
def any_device(package: Package) -> None:
    """Its source names no device: the framework moves modules and tensors to the device of the recipe."""
    for path, tree in _trees(package):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                named = node.func.attr == "cuda" or (node.func.attr == "to" and _names_a_device(node))
                expect(
                    not named,
                    f"{path.name}:{node.lineno} moves a tensor or module to a fixed device: {ast.unparse(node)}",
                    "take the device of a tensor at hand: torch.zeros(..., device=x.device), x.new_zeros(...)",
                )


def _names_a_device(call: ast.Call) -> bool:
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    strings = [node.value for node in given if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return any(string.partition(":")[0] in ("cuda", "mps", "cpu") for string in strings)


def _trees(package: Package) -> Iterator[tuple[Path, ast.Module]]:
    for path in package.sources:
        try:
            yield path, ast.parse(path.read_bytes())
        except SyntaxError as error:
            raise Violation(f"{path.name}:{error.lineno} is not valid Python: {error.msg}", "fix the file") from error


def _imported(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module == "codaar_core":
            yield from ((f"codaar_core.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or "", node.lineno
