"""From one block of a recipe to its component and its checked settings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

import attrs

from codaar_core.api.component import Component
from codaar_core.recipe.checking.conversion import convert, unknown
from codaar_core.recipe.checking.renamed import former_names, with_new_names
from codaar_core.recipe.names import setting_name
from codaar_core.recipe.plan import Block
from codaar_core.recipe.toml.literal import describe
from codaar_core.recipe.toml.origin import Origin
from codaar_core.recipe.toml.problem import Problem
from codaar_core.recipe.toml.tree import UNREADABLE, Table, Value
from codaar_core.registry import KINDS, Entry, Registry, RegistryError, closest

Loader = Callable[[Entry], type[Component]]


class Blocks:
    """Checks blocks and collects their problems.

    Args:
        registry: Finds components.
        problems: Errors are added here.
        notes: Notes are added here.
        component: Gives the class of an entry, e.g. its outline; None: the registry imports it.
    """

    def __init__(
        self, registry: Registry, problems: list[Problem], notes: list[Problem], component: Loader | None = None
    ) -> None:
        self.registry = registry
        self.problems = problems
        self.notes = notes
        self.component = component or registry.load

    def block(
        self,
        kind: str,
        path: str,
        table: Table,
        elsewhere: Collection[str] = (),
        default: str = "",
        siblings: Mapping[str, Table] = MappingProxyType({}),
    ) -> Block | None:
        """Find the component of a block and check its settings; None if there is a problem.

        Args:
            kind: Kind of the component.
            path: Path of the block, e.g. ``losses.main``.
            table: The block; empty if a list names a block that the recipe does not define.
            elsewhere: Keys that the framework reads.
            default: The ``use`` of a block without one; empty: the block must have one.
            siblings: Other blocks of the section, to suggest one if there is no component ``default``.
        """
        found = self._found(kind, path, table, default, siblings)
        if found is None:
            return None
        entry, origin = found
        try:
            component = self.component(entry)
        except RegistryError as error:
            self.problems.append(Problem(error.code, error.message, origin, error.help))
            return None
        taken = {"use", *elsewhere} & {*own_keys(component.Config)}
        if taken:
            help = f"report this to the authors of {entry.distribution}"
            message = f"{path}: {component.__name__} has a setting {min(taken)!r}, which belongs to the framework"
            self.problems.append(Problem("broken-plugin", message, origin, help))
        if self._misspelt(path, table.without(["use", *elsewhere, *own_keys(component.Config)])):
            return None  # with a misspelt `use`, an inherited component is not the intended one
        table = self.with_new_names(component.Config, path, table)
        config = convert(component.Config, table, path, self.problems, {"use", *elsewhere})
        return None if config is None else Block(path, entry, component, config, origin)

    def framework(self, settings: type, path: str, table: Table) -> Any:
        """Convert the settings of the framework in a block; None if there is a problem."""
        own = self.with_new_names(settings, path, table.only(own_keys(settings)))
        return convert(settings, own, path, self.problems)

    def with_new_names(self, settings: type, path: str, table: Table) -> Table:
        """Move settings from former to new names; former names are reported."""
        found: list[Problem] = []
        table = with_new_names(settings, table, path, found)
        for problem in found:
            (self.problems if problem.level == "error" else self.notes).append(problem)
        return table

    def switched_off(self, settings: type, path: str, table: Table) -> None:
        """Check a block that is not switched on, without looking up its component."""
        self.framework(settings, path, table)
        self._use(path, table, "")

    def _found(
        self, kind: str, path: str, table: Table, default: str, siblings: Mapping[str, Table]
    ) -> tuple[Entry, Origin] | None:
        use = self._use(path, table, default)
        if use is None:
            return None
        if not use and not self._misspelt(path, table):
            help = f'use = "..."   # `codaar list {KINDS[kind].plural}` lists them'
            self.problems.append(Problem("missing-setting", f"[{path}] needs 'use'", table.origin, help))
        if not use:
            return None
        node = table.items.get("use")
        origin = node.origin if node else table.origin
        try:
            return self.registry.find(kind, use), origin
        except RegistryError as error:
            if node or not self._misspelt(path, table):
                suggestion = "" if node else _suggest_sibling(path, siblings)
                packages = () if suggestion else getattr(error, "packages", ())
                help = suggestion or error.help
                self.problems.append(Problem(error.code, error.message, origin, help, packages=packages))
            return None

    def _use(self, path: str, table: Table, default: str) -> str | None:
        """The value of ``use``, or the default; None if it cannot be read."""
        node = table.items.get("use")
        if node is None:
            return default
        if isinstance(node, Value) and isinstance(node.data, str):
            return node.data
        if not (isinstance(node, Value) and node.data is UNREADABLE):
            got = describe(node.data) if isinstance(node, Value) else "a table"
            self.problems.append(Problem("wrong-value", f"{path}.use: expected a string, got {got}", node.origin))
        return None

    def _misspelt(self, path: str, table: Table) -> bool:
        """Whether a key is a misspelt ``use``, which is reported."""
        for key, node in table.items.items():
            if closest(key, ["use"]):
                self.problems.append(unknown(key, node, path, ["use"], table))
                return True
        return False


def _suggest_sibling(path: str, siblings: Mapping[str, Table]) -> str:
    """Suggest a block of the section with a similar name; empty if there is none."""
    section, _, name = path.partition(".")
    near = closest(name, siblings)
    return f"did you mean {near[0]!r}? [{section}.{near[0]}] is at {siblings[near[0]].key}" if near else ""


def own_keys(settings: type) -> list[str]:
    """The keys that a settings class reads, former names of settings included."""
    return [*(setting_name(field.name) for field in attrs.fields(settings)), *former_names(settings)]
