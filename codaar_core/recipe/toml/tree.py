"""The values of a recipe with their origins, and how two recipes are put together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import attrs

from codaar_core.recipe.toml.origin import Origin, Source
from codaar_core.recipe.toml.positions import KeyPath, Place, Span

UNREADABLE = object()
"""Stands for a value about which there is a problem already."""


@attrs.frozen
class Value:
    """A scalar or a list."""

    data: Any
    key: Origin
    origin: Origin
    elements: Mapping[tuple[int, ...], Origin] = attrs.field(factory=dict, eq=False, repr=False)

    def element(self, *path: int) -> Origin:
        """Where an element of a list stands."""
        return self.elements.get(path, self.origin)


@attrs.frozen
class Table:
    """A table; ``key`` is where its name stands."""

    items: Mapping[str, Table | Value]
    key: Origin

    @property
    def origin(self) -> Origin:
        """A table stands where its name stands."""
        return self.key

    def only(self, names: Collection[str]) -> Table:
        """The part with these keys."""
        return attrs.evolve(self, items={key: node for key, node in self.items.items() if key in names})

    def without(self, names: Collection[str]) -> Table:
        """The part without these keys."""
        return attrs.evolve(self, items={key: node for key, node in self.items.items() if key not in names})

    def find(self, path: tuple[str, ...]) -> Table | Value | None:
        """What stands at a path, if anything does."""
        node: Table | Value | None = self
        for key in path:
            node = node.items.get(key) if isinstance(node, Table) else None
        return node

    def walk(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Value]]:
        """All values, by path."""
        for key, node in self.items.items():
            if isinstance(node, Table):
                yield from node.walk((*path, key))
            else:
                yield (*path, key), node


def plain(node: Table | Value) -> Any:
    """The data alone, as tomli reads it."""
    return {key: plain(item) for key, item in node.items.items()} if isinstance(node, Table) else node.data


def grow(data: Mapping[str, Any], places: Mapping[KeyPath, Place], source: Source) -> Table:
    """Join what tomli read with where it stands."""

    def origin(span: Span) -> Origin:
        return Origin(source, *span)

    def node(path: KeyPath, value: Any) -> Table | Value:
        place = places[path]
        if isinstance(value, Mapping):
            return Table({key: node((*path, key), item) for key, item in value.items()}, origin(place.key))
        return Value(value, origin(place.key), origin(place.value), dict(elements(path, value)))

    def elements(path: KeyPath, value: Any, inside: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Origin]]:
        for number, item in enumerate(value if isinstance(value, list) else ()):
            there, within = (*path, number), (*inside, number)
            yield within, origin(places[there].value)
            yield from elements(there, item, within)

    return Table({key: node((key,), value) for key, value in data.items()}, Origin(source, 1, 1))


def merge(old: Table, new: Table) -> Table:
    """Put ``new`` over ``old``: tables merge, values and lists replace, a block with another ``use`` replaces whole."""
    items = dict(old.items)
    for key, node in new.items.items():
        before = items.get(key)
        if isinstance(before, Table) and isinstance(node, Table) and not _other_use(before, node):
            node = merge(before, node)
        items[key] = node
    return Table(items, new.key if new.key.source.is_file else old.key)


def _other_use(old: Table, new: Table) -> bool:
    before, after = old.items.get("use"), new.items.get("use")
    return isinstance(before, Value) and isinstance(after, Value) and before.data != after.data


def remove(tree: Table, path: tuple[str, ...]) -> Table:
    """The tree without what stands at ``path``."""
    first, *rest = path
    if not rest:
        return tree.without([first])
    inner = tree.items[first]
    return Table({**tree.items, first: remove(inner, tuple(rest))}, tree.key) if isinstance(inner, Table) else tree
