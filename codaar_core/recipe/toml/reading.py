"""From recipe files and ``-o`` to one merged tree: ``extends``, ``unset``, overrides."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import attrs
import tomli

from codaar_core.recipe.toml.literal import describe
from codaar_core.recipe.toml.origin import COMMAND_LINE, Origin, Source
from codaar_core.recipe.toml.positions import is_dotted_key, locate
from codaar_core.recipe.toml.problem import Problem, RecipeError
from codaar_core.recipe.toml.scalars import text_faults
from codaar_core.recipe.toml.shipped import PREFIX, UnknownShipped, find, is_shipped, same_name
from codaar_core.recipe.toml.tree import UNREADABLE, Table, Value, build_tree, merge, remove, replaced_blocks
from codaar_core.registry import did_you_mean

DIRECTIVES = ("extends", "unset")
DEEPEST = 32  # files that extend one another in a chain, and tables inside one another
LISTS = "`codaar list recipes` lists the recipes here and of installed packages"
LARGEST = 4_000_000  # bytes of a recipe file


@attrs.frozen
class Recipe:
    """A merged recipe: its values with their origins, and the contents of all files that were read."""

    source: Path
    tree: Table
    files: dict[Path, str]
    notes: tuple[Problem, ...] = ()


def read(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and all files that it extends, and apply the overrides.

    Raises:
        RecipeError: A file is missing or not valid TOML, ``extends`` is circular, or an override cannot be parsed.
    """
    reader = _RecipeReader()
    path = reader.located(path)
    tree = reader.file(path, None)
    notes: list[Problem] = []
    for layer in reader.overrides(overrides):
        notes += [_replaced_block(*replaced) for replaced in replaced_blocks(tree, layer)]
        tree = merge(tree, layer)
    if reader.problems:
        raise RecipeError(reader.problems)
    return Recipe(path, tree, reader.files, tuple(notes))


def _replaced_block(path: str, use: Value, lost: Sequence[str]) -> Problem:
    """A note: settings of a component that was replaced on the command line do not hold for the new one."""
    message = f"[{path}] has another component, so the recipe's settings of it are dropped: {', '.join(lost)}"
    return Problem("dropped-settings", message, use.origin, f"set them anew, e.g. -o {path}.{lost[0]}=...", "note")


def read_arm(recipe: Recipe, arm: Table) -> Recipe:
    """Merge an arm of a sweep over its recipe, in the order of a file: ``extends``, ``unset``, its own values.

    Raises:
        RecipeError: A file is missing or not valid TOML, or ``unset`` names something that does not exist.
    """
    reader = _RecipeReader()
    tree = recipe.tree
    for name, origin in reader.strings(arm, "extends"):
        tree = merge(tree, reader.extended(Path(origin.source.name), name, origin))
    for name, origin in reader.strings(arm, "unset"):
        tree = reader.unset(tree, name, origin)
    if reader.problems:
        raise RecipeError(reader.problems)
    return Recipe(recipe.source, merge(tree, arm.without(DIRECTIVES)), recipe.files | reader.files)


def read_overrides(overrides: Sequence[str]) -> Table:
    """Read overrides without a recipe.

    Raises:
        RecipeError: An override cannot be parsed.
    """
    reader = _RecipeReader()
    layers = reader.overrides(overrides)
    if reader.problems:
        raise RecipeError(reader.problems)
    return layers[0] if layers else Table({}, Origin(Source(COMMAND_LINE, ("",)), 1, 1))


class _RecipeReader:
    """Reads files and overrides, and collects their problems."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.files: dict[Path, str] = {}
        self.open: list[Path] = []  # files being read, in the order of `extends`
        self.merged: dict[Path, Table] = {}  # finished files: each is read and merged once, however often it is named

    # Files

    def file(self, path: Path, named: Origin | None) -> Table:
        """The tree of a file, merged over the trees of the files that it extends.

        Args:
            path: The file.
            named: Where another file names it; None for the recipe itself.
        """
        there = path.resolve()
        if there not in self.merged:
            if there in (each.resolve() for each in self.open):
                return self._circular(path, named)
            if len(self.open) == DEEPEST:
                help = "let a recipe extend the files that it needs directly"
                return self._report("too-deep", f"more than {DEEPEST} files extend one another", named, help)
            self.merged[there] = self._merged(path, named)
        return self.merged[there]

    def located(self, path: Path) -> Path:
        """The file of a recipe; ``pkg:NAME`` is where its package is installed.

        Raises:
            RecipeError: No installed package ships it.
        """
        if not is_shipped(path):
            return path
        try:
            return find(path.as_posix()).path
        except UnknownShipped as error:
            raise RecipeError([Problem(error.code, error.message, None, error.help)]) from error

    def extended(self, path: Path, name: str, origin: Origin) -> Table:
        """The tree of a file that ``path`` extends: named relative to it, or as ``pkg:NAME``."""
        if not is_shipped(name):
            return self.file(Path(os.path.normpath(path.parent / name)), origin)
        try:
            return self.file(find(name).path, origin)
        except UnknownShipped as error:
            return self._report(error.code, error.message, origin, error.help)

    def _circular(self, path: Path, named: Origin | None) -> Table:
        circle = " -> ".join(map(str, [*self.open, path]))
        return self._report("circular-extends", f"extends is circular: {circle}", named, "remove one of these extends")

    def _merged(self, path: Path, named: Origin | None) -> Table:
        document = self._content(path, named)
        own = self._parse(document, Source(str(path), tuple(document.split("\n"))))
        self.open.append(path)
        tree = own.without(own.items)
        for name, origin in self.strings(own, "extends"):
            tree = merge(tree, self.extended(path, name, origin))
        self.open.pop()
        for name, origin in self.strings(own, "unset"):
            tree = self.unset(tree, name, origin)
        return merge(tree, own.without(DIRECTIVES))

    def _content(self, path: Path, named: Origin | None) -> str:
        try:
            self.files[path] = _read_regular(path).decode("utf-8-sig").replace("\r\n", "\n")
        except FileNotFoundError:
            help = _suggest_recipe(path) if named is None else _suggest_beside(path)
            self._report("unreadable-file", f"there is no file {str(path)!r}", named, help or LISTS)
        except UnicodeDecodeError:
            self._report("unreadable-file", f"{str(path)!r} is not encoded in UTF-8", named, "save it as UTF-8")
        except OSError as error:
            self._report("unreadable-file", f"{str(path)!r} cannot be read: {error.strerror or error}", named)
        return self.files.get(path, "")

    def _parse(self, document: str, source: Source) -> Table:
        try:
            data, places = tomli.loads(document), locate(document)
        except tomli.TOMLDecodeError as error:
            message = f"not valid TOML: {error.msg[:1].lower()}{error.msg[1:]}"
            line = min(error.lineno, len(source.lines))
            column = min(error.colno, max(1, len(source.lines[line - 1])))
            return self._report(
                "not-toml", message, Origin(source, line, column, 1), _toml_advice(source.lines[line - 1])
            )
        except RecursionError:
            return self._too_deep(Origin(source, 1, 1))
        except ValueError:  # an integer longer than Python converts; tomli does not say where
            message = "not valid TOML: an integer is thousands of characters long"
            return self._report("not-toml", message, _most_digits(source))
        deep = next((place for path, place in places.items() if len(path) > DEEPEST), None)
        if deep is not None:
            return self._too_deep(Origin(source, *deep.key))
        return self._readable(build_tree(data, places, source))

    def _too_deep(self, origin: Origin) -> Table:
        message = f"more than {DEEPEST} tables or lists are inside one another"
        return self._report("too-deep", message, origin, "no setting is that deep: check its brackets")

    def _readable(self, tree: Table, path: tuple[str, ...] = ()) -> Table:
        """The tree with every string that has control characters reported and marked as unreadable.

        Texts are checked here, before they are used as paths of files; numbers are checked with their settings.
        """
        items: dict[str, Table | Value] = {}
        for key, node in tree.items.items():
            if isinstance(node, Table):
                items[key] = self._readable(node, (*path, key))
                continue
            faults = list(text_faults(node.data))
            for inside, fault in faults:
                self._report("wrong-value", f"{'.'.join((*path, key))}: {fault}", node.element(*inside))
            items[key] = attrs.evolve(node, data=UNREADABLE) if faults else node
        return attrs.evolve(tree, items=items)

    def strings(self, tree: Table, key: str) -> list[tuple[str, Origin]]:
        """The elements of ``extends`` or ``unset``, each with its origin."""
        value = tree.items.get(key)
        if value is None:
            return []
        data = value.data if isinstance(value, Value) else {}
        if data is UNREADABLE:
            return []
        if isinstance(value, Value) and isinstance(data, list) and all(isinstance(each, str) for each in data):
            return [(name, value.element(number)) for number, name in enumerate(data)]
        message = f"{key}: expected a list of strings, got {describe(data)}"
        self._report("wrong-value", message, value.origin, f'write {key} = ["..."]')
        return []

    def unset(self, tree: Table, name: str, origin: Origin) -> Table:
        """The tree without the block or value of a name."""
        path = tuple(name.split("."))
        if tree.find(path) is None:
            known = {".".join(each[:depth]) for each, _ in tree.walk() for depth in range(1, len(each) + 1)}
            self._report(
                "unset",
                f"unset: no inherited block or value is called {name!r}",
                origin,
                did_you_mean(name, sorted(known)),
            )
            return tree
        return remove(tree, path)

    # Command line

    def overrides(self, overrides: Sequence[str]) -> list[Table]:
        """The overrides merged into one tree, or none; of two overrides of one path, the later wins."""
        layers = [self._override(each) for each in overrides]
        if not layers:
            return []
        together, *rest = layers
        for layer in rest:
            together = merge(together, layer)
        return [together]

    def _override(self, written: str) -> Table:
        path, equals, value = written.partition("=")
        source = Source(COMMAND_LINE, (f"-o {written}",))
        whole = Origin(source, 1, 4, len(written))
        if not equals or not is_dotted_key(path):
            return self._report("override", f"-o {written}: expected path=value", whole, "for example -o run.epochs=3")
        tree = self._parse(f"   {path}={value if is_value(value) else json.dumps(value)}", source)
        directive = next((key for key in DIRECTIVES if key in tree.items), None)
        if directive:
            return self._report("override", f"-o cannot set {directive}", whole, "write a file that extends this one")
        return tree

    def _report(self, code: str, message: str, origin: Origin | None, help: str = "") -> Table:
        """Record a problem; returns an empty tree in place of the unreadable one."""
        self.problems.append(Problem(code, message, origin, help))
        return Table({}, origin or Origin(Source("", ()), 1, 1))


def _read_regular(path: Path) -> bytes:
    """The contents of a regular file: a device or pipe might never end.

    Raises:
        OSError: It is another kind of file, too large, or cannot be read.
    """
    if path.exists() and not path.is_file():
        raise OSError("it is not a regular file")
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise OSError(f"it has more than {LARGEST // 1_000_000} MB")
    return content


def is_value(written: str) -> bool:
    """Whether a string is one TOML value; if not, ``-o`` takes it as a string."""
    try:
        return list(tomli.loads(f"value = {written}")) == ["value"]
    except tomli.TOMLDecodeError:
        return False
    except (ValueError, RecursionError):  # TOML, which `_parse` refuses with a reason
        return True


def _most_digits(source: Source) -> Origin:
    """The place of the longest integer in a file."""
    found = ((match, number) for number, line in enumerate(source.lines, 1) for match in re.finditer(r"[\d_]+", line))
    match, line = max(found, key=lambda each: len(each[0][0]))
    return Origin(source, line, match.start() + 1, len(match[0]))


def _suggest_beside(path: Path) -> str:
    """Suggest a recipe in the folder of a file that does not exist."""
    beside = [str(each) for each in path.parent.glob("*.toml")] if path.parent.is_dir() else []
    return did_you_mean(str(path), sorted(beside))


def _suggest_recipe(path: Path) -> str:
    """Suggest a recipe here, or a shipped one, for a file that does not exist; empty if none is near."""
    here = [str(each) for each in _recipes_here(path.parent)]
    stem = path.name.removesuffix(".toml")
    written = str(path.with_name(f"{stem}.toml")) if stem else str(path)
    called = [each for each in here if Path(each).stem == stem]
    named = f"did you mean {called[0]!r}?" if called else ""
    near = did_you_mean(written, called) or named or did_you_mean(written, here)
    return near or _suggest_copying(stem)


def _suggest_copying(stem: str) -> str:
    shipped = same_name(stem)
    return f"`codaar init {shipped[0].removeprefix(PREFIX)}` copies it from its package" if shipped else ""


def _recipes_here(folder: Path) -> list[Path]:
    """Recipes in a folder, in the working folder and below ``recipes``, the least nested first."""
    near = [*folder.glob("*.toml"), *Path().glob("*.toml"), *Path("recipes").rglob("*.toml")]
    return sorted(dict.fromkeys(near), key=lambda path: (len(path.parts), str(path)))


def _toml_advice(line: str) -> str:
    key, equals, value = line.partition("=")
    if equals and value.strip().lower() in ("true", "false"):
        return f"write {key.strip()} = {value.strip().lower()}"
    if equals and is_value(json.dumps(value.strip())) and value.strip()[:1].isalpha():
        return f'put the string in quotes: {key.strip()} = "{value.strip()}"'
    return ""
