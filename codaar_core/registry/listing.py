"""All components: installed ones, and those of the index that can be installed."""

from __future__ import annotations

import attrs

from codaar_core.registry.entry import Entry
from codaar_core.registry.index.known_plugins import known_plugins
from codaar_core.registry.kinds import KINDS, kind_called
from codaar_core.registry.registry import Registry
from codaar_core.registry.source.definition import summary


@attrs.frozen
class Listed:
    """A component in ``codaar list``."""

    kind: str
    use: str  # what to write in a recipe
    package: str
    installed: bool
    summary: str


def list_components(kind: str | None = None) -> list[Listed]:
    """List all components, or those of one kind, from metadata and source files; nothing is imported.

    Raises:
        CodaarError: There is no such kind.
    """
    kinds = [kind_called(kind).name] if kind else list(KINDS)
    registry = Registry()
    return [line for each in kinds for line in [*_installed(registry, each), *_missing(registry, each)]]


def _installed(registry: Registry, kind: str) -> list[Listed]:
    entries = registry.entries(kind)
    names = [entry.name for entry in entries]
    return [Listed(kind, _use(entry, names), entry.package, True, summary(entry)) for entry in entries]


def _use(entry: Entry, names: list[str]) -> str:
    return entry.name if names.count(entry.name) == 1 else entry.full_name


def _missing(registry: Registry, kind: str) -> list[Listed]:
    here = {entry.full_name for entry in registry.entries(kind)}
    return [
        Listed(kind, name, plugin.distribution, False, plugin.summary)
        for plugin in known_plugins()
        for each, _, name in (provided.partition(":") for provided in plugin.provides)
        if each == kind and f"{plugin.provider}:{name}" not in here
    ]
