"""Copies of the recipes that installed distributions ship: ``codaar init``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tomli

from codaar_core.api.errors import CodaarError
from codaar_core.features.files import write_whole, writing
from codaar_core.recipe.toml.shipped import Collection, collections, find, is_shipped


def copy_recipes(name: str | None = None, everything: bool = False, to: Path | str = "recipes") -> list[Path]:
    """Copy shipped recipes, each with the recipes that it extends, into a folder; nothing is overwritten.

    Args:
        name: A recipe, e.g. "avt.toml", or a folder of recipes, e.g. "ablations"; None: the recipes at the top of every
            collection.
        everything: All recipes of all collections instead.
        to: The folder; it is made if it does not exist.

    Returns:
        The files that were written; files that are there already, with the same content, are left alone.

    Raises:
        CodaarError: No package ships such a recipe, a file with another content is there, or the folder cannot be
            written. Nothing is written in the first two cases.
    """
    if everything and name is not None:
        raise _refusal("all recipes are to be copied, and one is named as well", "leave out one of the two")
    copies = _copies(_chosen(name, everything), Path(to))
    contents = {target: source.read_bytes() for target, source in copies.items()}
    new = {target: content for target, content in contents.items() if not _is_there(target, content)}
    for target, content in new.items():
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, content)
    return sorted(new)


def _chosen(name: str | None, everything: bool) -> list[tuple[Collection, Path]]:
    """The recipes to copy, without those that they extend."""
    known = collections()
    if not known:
        raise _refusal("no installed package ships recipes", "pip install codaar")
    if name is None:
        found = [
            (each, each.folder / path) for each in known for path in each.recipes() if everything or "/" not in path
        ]
    else:
        found = _in_folder(known, name) or [_one(name)]
    return found


def _one(name: str) -> tuple[Collection, Path]:
    shipped = find(name)
    return shipped.collection, shipped.path


def _in_folder(known: list[Collection], name: str) -> list[tuple[Collection, Path]]:
    """The recipes of a folder of a collection; none if no collection has such a folder."""
    start = f"{name.removeprefix('pkg:').strip('/')}/"
    return [(each, each.folder / path) for each in known for path in each.recipes() if path.startswith(start)]


def _copies(chosen: list[tuple[Collection, Path]], to: Path) -> dict[Path, Path]:
    """The file that each target is a copy of."""
    copies: dict[Path, Path] = {}
    for collection, path in chosen:
        for source in _with_extended(path, collection.folder):
            target = to / source.relative_to(collection.folder)
            if copies.setdefault(target, source) != source:
                message = f"{copies[target]} and {source} would both be copied to {target}"
                raise _refusal(message, "name one recipe, e.g. `codaar init COLLECTION/NAME.toml`")
    return copies


def _with_extended(path: Path, folder: Path) -> list[Path]:
    """A recipe and all recipes below ``folder`` that it extends, directly or through others."""
    found: dict[Path, None] = {}
    waiting = [path]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found[each] = None
            waiting += [other for other in _extended(each) if other.is_file() and other.is_relative_to(folder)]
    return list(found)


def _extended(path: Path) -> Iterator[Path]:
    try:
        values = tomli.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return  # it is copied as it is, and reading it will tell
    for name in _names(values):
        if not is_shipped(name):
            yield Path(os.path.normpath(path.parent / name))


def _names(values: Mapping[str, Any]) -> Iterator[str]:
    """The names in every ``extends``: of the recipe and of the arms of a sweep."""
    for key, value in values.items():
        if key == "extends" and isinstance(value, list):
            yield from (name for name in value if isinstance(name, str))
        elif isinstance(value, dict):
            yield from _names(value)


def _is_there(target: Path, content: bytes) -> bool:
    """Whether the copy exists already.

    Raises:
        CodaarError: Something else has its name.
    """
    if not os.path.lexists(target):
        return False
    if target.is_file() and target.read_bytes() == content:
        return True
    help = "move it away, or choose another folder with --to"
    raise _refusal(f"{target} exists already and differs from the shipped recipe; nothing was copied", help)


def _refusal(message: str, help: str) -> CodaarError:
    error = CodaarError(message, help)
    error.exit_code = 2
    return error
