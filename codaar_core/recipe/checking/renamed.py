"""Settings that a recipe writes under their former name: read under the new name, and reported."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import Any, get_args

import attrs

from codaar_core.recipe.names import setting_name
from codaar_core.recipe.toml.problem import Problem
from codaar_core.recipe.toml.tree import Table

CODE = "renamed-setting"


def former_names(settings: type) -> dict[str, str]:
    """The former names of the settings of an attrs class, each with the new name."""
    return {
        field.metadata["formerly"]: setting_name(field.name)
        for field in attrs.fields(settings)
        if field.metadata.get("formerly")
    }


def with_new_names(settings: type, table: Table, path: str, found: list[Problem]) -> Table:
    """Move each value that stands under a former name to the new name, in nested settings too.

    Args:
        settings: The attrs class that the table is read as.
        table: The table of the recipe.
        path: The table's path, for messages.
        found: A note is added for each former name, and an error where both names are given.
    """
    former = former_names(settings)
    items = {}
    for key, node in table.items.items():
        name = former.get(key, key)
        if key in former:
            found.append(_both(path, key, name, table) if name in table.items else _renamed(path, key, name, table))
        if key in former and name in table.items:
            continue
        if isinstance(node, Table) and (nested := _nested(settings, name)):
            node = with_new_names(nested, node, f"{path}.{name}", found)
        items[name] = node
    return attrs.evolve(table, items=items)


def _nested(settings: type, name: str) -> type | None:
    """The attrs class of a setting that is a table of settings itself."""
    field = getattr(attrs.fields(attrs.resolve_types(settings)), name, None)
    kinds: tuple[Any, ...] = (field.type, *get_args(field.type)) if field else ()
    return next((kind for kind in kinds if isinstance(kind, type) and attrs.has(kind)), None)


def _renamed(path: str, old: str, new: str, table: Table) -> Problem:
    message = f"[{path}] the setting {old!r} is now called {new!r}"
    return Problem(CODE, message, table.items[old].key, f"write {new}; the former name will stop working", "note")


def _both(path: str, old: str, new: str, table: Table) -> Problem:
    message = f"[{path}] has {new!r} and also {old!r}, the former name of the same setting"
    help = f"remove {old}; {new} is at {table.items[new].key}"
    return Problem(CODE, message, table.items[old].key, help)


def renamed_settings(notes: Iterable[Problem]) -> Iterator[Problem]:
    """Those of the notes that are about former names."""
    return (note for note in notes if note.code == CODE)


def warn_renamed_settings(notes: Iterable[Problem], stacklevel: int = 3) -> None:
    """Issue a DeprecationWarning for each former name, with file, line and the new name."""
    for note in renamed_settings(notes):
        warnings.warn(f"{note.origin}: {note.message}", DeprecationWarning, stacklevel)
