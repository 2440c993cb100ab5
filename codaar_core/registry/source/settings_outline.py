"""Outline of a component: its settings, read from its source file without importing it.

A recipe is checked against outlines first, because the file of a component imports torch, which takes seconds. Settings
do not need torch: only the class ``Config`` is executed, with the names that it uses (imports, constants, checks).
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from typing import Any

import attrs

from codaar_core.api.component import Component
from codaar_core.registry.entry import Entry
from codaar_core.registry.source.partial_module import NotSeparable, PartialModule, bound, imported_module, is_in

WITHOUT_SETTINGS = {*sys.stdlib_module_names, "codaar_core.api", "torch"}
"""Packages whose classes add no settings to a component that derives from them, except these."""
WITH_SETTINGS = {"RunLogger"}


def outline(entry: Entry) -> type[Component] | None:
    """A stand-in class with the name, the ``Config`` and (of a benchmark) the ``head`` of a component.

    Returns:
        None if the source does not tell the settings; the caller must then import the component.
    """
    module, _, name = entry.target.partition(":")
    try:
        chain = _class_chain(PartialModule(module), name)
        config = attrs.resolve_types(_config(chain))
        return type(name, (Component,), {"__module__": module, "Config": config, "head": _constant(chain, "head")})
    except Exception:  # a plug-in's source may be anything
        return None


Member = tuple[PartialModule, ast.ClassDef]


def _class_chain(file: PartialModule, name: str) -> list[Member]:
    """A class and its base classes with their modules, up to the contract; the class itself comes first."""
    chain = list(_with_bases(file, name))
    if len({id(definition) for _, definition in chain}) < len(chain):
        raise NotSeparable(f"{name} derives from a class twice")  # depth first is not the method resolution order then
    return chain


def _with_bases(file: PartialModule, name: str) -> Iterator[Member]:
    binding = file.binding(name)
    if isinstance(binding, ast.ImportFrom):
        yield from _with_bases(*file.source(binding))
    elif isinstance(binding, ast.ClassDef) and name not in file.possibly_changed:
        yield file, binding
        for base in binding.bases:
            if not _is_without_settings(file, base):
                yield from _with_bases(file, _name(base))
    else:
        raise NotSeparable(f"{name} is not a class, or is changed after its definition")


def _is_without_settings(file: PartialModule, base: ast.expr) -> bool:
    root = next(node for node in ast.walk(base) if isinstance(node, ast.Name))
    binding = file.binding(root.id)
    if not isinstance(binding, (ast.Import, ast.ImportFrom)):
        return False
    return is_in(imported_module(binding, file.module), WITHOUT_SETTINGS)


def _name(expression: ast.expr) -> str:
    if not isinstance(expression, ast.Name):
        raise NotSeparable(f"{ast.unparse(expression)} is not a plain name")
    return expression.id


def _member(chain: list[Member], name: str) -> tuple[PartialModule, ast.stmt] | None:
    """The binding of a name in the first class of the chain that has one."""
    for file, definition in chain:
        found = [statement for statement in definition.body for each, _ in bound(statement) if each == name]
        if len(found) > 1:
            raise NotSeparable(f"{name} is bound several times")
        if found:
            return file, found[0]
    return None


def _config(chain: list[Member]) -> type:
    found = _member(chain, "Config")
    if found is None:
        if any(base.id in WITH_SETTINGS for _, each in chain for base in each.bases if isinstance(base, ast.Name)):
            raise NotSeparable("its settings are those of a class of codaar_core.api")
        return Component.Config
    file, definition = found
    if not isinstance(definition, ast.ClassDef):
        raise NotSeparable("Config is not a class statement")
    for number, base in enumerate(definition.bases):
        if isinstance(base, ast.Attribute) and base.attr == "Config" and not _is_without_settings(file, base):
            alias = f"_Base{number}"
            file.namespace[alias] = _config(_class_chain(file, _name(base.value)))
            definition.bases[number] = ast.Name(alias, ast.Load())
    file.run(definition)
    return file.namespace.pop("Config")


def _constant(chain: list[Member], name: str) -> Any:
    found = _member(chain, name)
    value = getattr(found[1], "value", None) if found else None
    return "" if value is None else ast.literal_eval(value)
