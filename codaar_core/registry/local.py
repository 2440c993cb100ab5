"""Components of local Python files, which a recipe (``run.plugins``) or ``--plugin`` names."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType

from codaar_core.api.component import Component
from codaar_core.registry.entry import Entry
from codaar_core.registry.errors import LoadProblem
from codaar_core.registry.kinds import KINDS
from codaar_core.registry.loading import cause, check_contract, prints_to_stderr
from codaar_core.registry.suggestion import did_you_mean

LOCAL = "local"


def load_file(path: Path) -> dict[Entry, type[Component]]:
    """Import a file and give every concrete component that it defines, under the name ``local:NAME``.

    Raises:
        LoadProblem: The file is missing, fails while it is imported, or defines no component.
    """
    if not path.is_file():
        raise LoadProblem(f"there is no plug-in file {str(path)!r}", _where_files_are(path))
    found = {_entry(path, component): component for component in _components(_import(path))}
    if not found:
        raise LoadProblem(f"{path} defines no component", "define a class that derives from one of codaar_core.api")
    for entry, component in found.items():
        check_contract(entry, component)
    return found


def _where_files_are(path: Path) -> str:
    """The folder in which a file was looked for, with a file of a similar name in it."""
    folder = path.parent.resolve()
    if not folder.is_dir():
        return f"there is no folder {folder}"
    relative = "paths in run.plugins are relative to the recipe, those of --plugin to the working folder"
    near = did_you_mean(path.name, sorted(each.name for each in folder.glob("*.py")))
    return f"looked in {folder}; {near or relative}"


def _import(path: Path) -> ModuleType:
    name = f"codaar_local_{path.stem}_{_version(path)}"
    if name in sys.modules:
        return sys.modules[name]
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise LoadProblem(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    try:
        with prints_to_stderr():
            specification.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise LoadProblem(f"the plug-in file {path} could not be loaded: {cause(error)}") from error
    return module


def _components(module: ModuleType) -> list[type[Component]]:
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Component)
        and value.__module__ == module.__name__
        and not inspect.isabstract(value)
        and getattr(value, "kind", None) in KINDS
    ]


def _entry(path: Path, component: type[Component]) -> Entry:
    name = getattr(component, "name", None)
    name = name if isinstance(name, str) else kebab_case(component.__name__)
    return Entry(component.kind, name, LOCAL, str(path), _version(path), f"{path}:{component.__name__}")


def _version(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def kebab_case(name: str) -> str:
    """``GatedMask`` -> ``gated-mask``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()
