"""Recipes that installed distributions ship (entry points ``codaar.recipes``): ``pkg:NAME`` reads them in place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

import attrs

from codaar_core.api.errors import CodaarError
from codaar_core.registry import did_you_mean, join_or
from codaar_core.registry.installed import RECIPES

PREFIX = "pkg:"


@attrs.frozen
class Collection:
    """The recipes of one installed distribution."""

    name: str  # of its entry point
    folder: Path
    package: str  # distribution and version

    def recipes(self) -> list[str]:
        """The TOML files, relative to the folder, with forward slashes."""
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*.toml"))

    def file(self, name: str) -> Path | None:
        """The file of a relative name, with or without ``.toml``; None if the collection has no such file."""
        parts = PurePosixPath(name).parts
        if not parts or parts[0] == "/" or ".." in parts:
            return None
        found = (self.folder.joinpath(*parts[:-1], last) for last in (parts[-1], f"{parts[-1]}.toml"))
        return next((path for path in found if path.suffix == ".toml" and path.is_file()), None)


@attrs.frozen
class Shipped:
    """One recipe of a collection."""

    collection: Collection
    path: Path

    @property
    def relative(self) -> str:
        """Its path in the collection, with forward slashes."""
        return self.path.relative_to(self.collection.folder).as_posix()

    @property
    def full_name(self) -> str:
        """``pkg:COLLECTION/PATH``, which is unique whatever else is installed."""
        return f"{PREFIX}{self.collection.name}/{self.relative}"


class UnknownShipped(CodaarError):
    """No installed distribution, or more than one, ships a recipe of this name."""

    exit_code = 2
    code = "unreadable-file"  # its heading in docs/errors.md


def collections() -> list[Collection]:
    """The collections of all installed distributions, by name; none is imported, and missing folders are left out."""
    points = sorted(metadata.entry_points(group=RECIPES), key=lambda point: (point.name, point.value))
    found = ((point, _folder(point.value)) for point in points)
    return [Collection(point.name, folder, _package(point)) for point, folder in found if folder is not None]


def is_shipped(name: Path | str) -> bool:
    """Whether a name has the form ``pkg:...``."""
    return str(name).startswith(PREFIX)


def find(name: str) -> Shipped:
    """Find a recipe by its path in a collection, e.g. ``pkg:avt.toml`` or ``pkg:codaar/avt.toml``.

    Args:
        name: The path, with or without ``pkg:``, the name of the collection and ``.toml``.

    Raises:
        UnknownShipped: No installed distribution ships it, or several do.
    """
    written = name.removeprefix(PREFIX)
    known = collections()
    found = list(dict.fromkeys(_named(known, written)))
    if len(found) > 1:
        names = [repr(each.full_name) for each in found]
        raise UnknownShipped(f"{PREFIX}{written} is shipped by {len(found)} packages", f"write {join_or(names)}")
    if not found:
        raise UnknownShipped(f"no installed package ships a recipe {written!r}", _advice(written, known))
    return found[0]


def shipped_name(path: Path) -> str | None:
    """``pkg:COLLECTION/PATH`` of a file that a distribution ships; None for every other file."""
    there = path.resolve()
    holding = (each for each in collections() if there.is_relative_to(each.folder.resolve()))
    return next(
        (f"{PREFIX}{each.name}/{there.relative_to(each.folder.resolve()).as_posix()}" for each in holding), None
    )


def same_name(name: str) -> list[str]:
    """Shipped recipes with the file name of ``name``, the least nested first, as ``pkg:PATH``."""
    stem = PurePosixPath(name).name.removesuffix(".toml")
    paths = {path for each in collections() for path in each.recipes() if PurePosixPath(path).stem == stem}
    return [PREFIX + path for path in sorted(paths, key=lambda path: (path.count("/"), path))]


def _named(known: Sequence[Collection], written: str) -> Iterator[Shipped]:
    first, _, rest = written.partition("/")
    for collection in known:
        for name in (written, rest if first == collection.name else ""):
            path = collection.file(name) if name else None
            if path is not None:
                yield Shipped(collection, path)


def _advice(written: str, known: Sequence[Collection]) -> str:
    if not known:
        return "no installed package ships recipes; `pip install codaar` brings those of CoDAAR"
    name = written if written.endswith(".toml") else f"{written}.toml"
    near = did_you_mean(PREFIX + name, [PREFIX + path for each in known for path in each.recipes()])
    same = same_name(written)
    elsewhere = f"did you mean {join_or([repr(each) for each in same[:3]])}?" if same else ""
    return near or elsewhere or "`codaar list recipes` lists the shipped recipes"


def _folder(value: str) -> Path | None:
    """The folder of a dotted package name; only the metadata of its first part is looked up."""
    top, *parts = value.split(".")
    try:
        specification = find_spec(top)
    except (ImportError, ValueError):
        return None
    places = specification.submodule_search_locations if specification else None
    folders = (Path(place, *parts) for place in places or ())
    return next((folder for folder in folders if folder.is_dir()), None)


def _package(point: metadata.EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
