"""The source file of a component and its summary, found without importing anything."""

from __future__ import annotations

import ast
from importlib.machinery import PathFinder
from pathlib import Path

from codaar_core.registry.entry import Entry


def summary(entry: Entry) -> str:
    """First line of the class docstring; empty if the file or the class is not found."""
    definition = _definition(entry)
    written = ast.get_docstring(definition) if definition else None
    return written.partition("\n")[0] if written else ""


def _definition(entry: Entry) -> ast.ClassDef | None:
    module, _, name = entry.target.rpartition(":")
    path = file_of(module)
    if path is None:
        return None
    try:
        body = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return None
    return next((node for node in body if isinstance(node, ast.ClassDef) and node.name == name), None)


def file_of(module: str) -> Path | None:
    """The file of a module, or None. Only the top package is looked up; submodules are found by their paths."""
    if module.endswith(".py"):
        return Path(module)
    package, *parts = module.split(".")
    found = PathFinder.find_spec(package)
    if found is None:
        return None
    if not parts:
        return Path(found.origin) if found.origin else None
    for folder in found.submodule_search_locations or []:
        inside = Path(folder).joinpath(*parts)
        for path in (inside.with_suffix(".py"), inside / "__init__.py"):
            if path.is_file():
                return path
    return None
