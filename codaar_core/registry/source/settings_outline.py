"""Outline: what a recipe is checked against, the settings of a component, told from its source alone.

A component's file imports torch, its settings do not need that: the class ``Config`` is run with what it mentions
(imports, constants, checks), and the rest of the file is not.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from typing import Any

import attrs

from codaar_core.api.component import Component
from codaar_core.registry.entry import Entry
from codaar_core.registry.source.excerpt import Entangled, Excerpt, bound, imported_module, is_in

WITHOUT_SETTINGS = {*sys.stdlib_module_names, "codaar_core.api", "torch"}
"""Packages whose classes bring no settings to a component that derives from them."""


def outline(entry: Entry) -> type[Component] | None:
    """A class with the name, the ``Config`` and (of a benchmark) the ``head`` of a component, which is not imported.

    None where that cannot be told from the source; whoever needs to know then imports the component.
    """
    module, _, name = entry.target.partition(":")
    try:
        family = _family(Excerpt(module), name)
        config = attrs.resolve_types(_config(family))
        return type(name, (Component,), {"__module__": module, "Config": config, "head": _constant(family, "head")})
    except Exception:  # a plug-in's source may be anything
        return None


Member = tuple[Excerpt, ast.ClassDef]


def _family(file: Excerpt, name: str) -> list[Member]:
    """A class and those that it derives from, with their files, up to the contract: nearest first."""
    family = list(_line(file, name))
    if len({id(definition) for _, definition in family}) < len(family):
        raise Entangled(f"{name} derives from a class twice")  # the order is another one then
    return family


def _line(file: Excerpt, name: str) -> Iterator[Member]:
    binding = file.binding(name)
    if isinstance(binding, ast.ImportFrom):
        yield from _line(*file.source(binding))
    elif isinstance(binding, ast.ClassDef) and name not in file.touched:
        yield file, binding
        for base in binding.bases:
            if not _is_without_settings(file, base):
                yield from _line(file, _name(base))
    else:
        raise Entangled(f"{name} is no class, or one that is changed")


def _is_without_settings(file: Excerpt, base: ast.expr) -> bool:
    root = next(node for node in ast.walk(base) if isinstance(node, ast.Name))
    binding = file.binding(root.id)
    if not isinstance(binding, (ast.Import, ast.ImportFrom)):
        return False
    return is_in(imported_module(binding, file.module), WITHOUT_SETTINGS)


def _name(expression: ast.expr) -> str:
    if not isinstance(expression, ast.Name):
        raise Entangled(f"{ast.unparse(expression)} is no name")
    return expression.id


def _member(family: list[Member], name: str) -> tuple[Excerpt, ast.stmt] | None:
    """What the nearest of a family has under a name."""
    for file, definition in family:
        found = [statement for statement in definition.body for each, _ in bound(statement) if each == name]
        if len(found) > 1:
            raise Entangled(f"{name} is bound several times")
        if found:
            return file, found[0]
    return None


def _config(family: list[Member]) -> type:
    found = _member(family, "Config")
    if found is None:
        return Component.Config
    file, definition = found
    if not isinstance(definition, ast.ClassDef):
        raise Entangled("Config is no class statement")
    for number, base in enumerate(definition.bases):
        if isinstance(base, ast.Attribute) and base.attr == "Config":
            alias = f"_Base{number}"
            file.namespace[alias] = _config(_family(file, _name(base.value)))
            definition.bases[number] = ast.Name(alias, ast.Load())
    file.run(definition)
    return file.namespace.pop("Config")


def _constant(family: list[Member], name: str) -> Any:
    found = _member(family, name)
    value = getattr(found[1], "value", None) if found else None
    return "" if value is None else ast.literal_eval(value)
