"""References in values: ``${a.b}`` copies another value with its type, ``${env:X}`` reads an environment variable."""

from __future__ import annotations

import os
import re
from typing import Any, NoReturn

import attrs

from codaar_core.recipe.toml.literal import literal
from codaar_core.recipe.toml.origin import Origin
from codaar_core.recipe.toml.problem import Problem
from codaar_core.recipe.toml.tree import UNREADABLE, Table, Value
from codaar_core.registry import did_you_mean

_REFERENCE = re.compile(r"\$\{([^{}]*)\}")
_PATH = re.compile(r"[\w-]+(\.[\w-]+)*")


def interpolate(tree: Table) -> tuple[Table, list[Problem]]:
    """Resolve all references; an unresolvable value becomes ``UNREADABLE``, and its problem is returned."""
    interpolation = _Interpolation(tree)
    return interpolation.table(tree), interpolation.problems


class _Unreadable(Exception):
    """The value being resolved has a problem, which is recorded."""


class _Interpolation:
    """Resolves the references of a tree, depth first."""

    def __init__(self, tree: Table) -> None:
        self.tree = tree
        self.problems: list[Problem] = []
        self.following: list[str] = []
        self.origin: Origin | None = None  # of the value being resolved

    def table(self, table: Table) -> Table:
        """A table with all references resolved."""
        resolved = {
            key: self.table(node) if isinstance(node, Table) else self.value(node) for key, node in table.items.items()
        }
        return attrs.evolve(table, items=resolved)

    def value(self, node: Value) -> Value:
        """A value with all references resolved."""
        self.origin = node.origin
        try:
            return attrs.evolve(node, data=self._data(node.data))
        except _Unreadable:
            return attrs.evolve(node, data=UNREADABLE)

    def _data(self, data: Any) -> Any:
        if isinstance(data, list):
            return [self._data(item) for item in data]
        if isinstance(data, dict):
            return {key: self._data(item) for key, item in data.items()}
        return self._string(data) if isinstance(data, str) and "${" in data else data

    def _string(self, written: str) -> Any:
        if "${" in _REFERENCE.sub("", written):
            self._fail(f"{literal(written)}: ${{ without closing brace", "write ${a.b} or ${env:NAME}")
        whole = _REFERENCE.fullmatch(written)
        if whole:
            return self._referred(whole[1])
        return _REFERENCE.sub(lambda match: self._inside(match[1]), written)

    def _inside(self, name: str) -> str:
        value = self._referred(name)
        if isinstance(value, (list, dict)):
            self._fail(f"${{{name}}} is a list or table, which cannot be part of a string", "make it the whole value")
        return value if isinstance(value, str) else literal(value)

    def _referred(self, name: str) -> Any:
        if name.startswith("env:"):
            return self._environment(name.removeprefix("env:"))
        if not _PATH.fullmatch(name):
            self._fail(f"${{{name}}} is not a reference", "write ${a.b} or ${env:NAME}; expressions are not supported")
        if name in self.following:
            self._fail(f"${{{name}}} refers to itself: {' -> '.join([*self.following, name])}")
        return self._followed(name)

    def _followed(self, name: str) -> Any:
        node = self.tree.find(tuple(name.split(".")))
        if node is None:
            known = [".".join(path) for path, _ in self.tree.walk()]
            advice = did_you_mean(name, known) or "only values that the recipe sets can be referred to, not defaults"
            self._fail(f"${{{name}}}: the recipe does not set {name}", advice)
        if isinstance(node, Table):
            self._fail(f"${{{name}}} is a table; only values can be referred to")
        self.following.append(name)
        try:
            return self._data(node.data)
        finally:
            self.following.pop()

    def _environment(self, name: str) -> str:
        if name not in os.environ:
            message = f"${{env:{name}}}: the environment variable {name} is not set"
            self._fail(message, f"export {name}=...", "environment")
        return os.environ[name]

    def _fail(self, message: str, help: str = "", code: str = "reference") -> NoReturn:
        self.problems.append(Problem(code, message, self.origin, help))
        raise _Unreadable
