"""The tree of values of a recipe with their origins, and the merging of two trees."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import attrs

from codaar_core.recipe.toml.origin import Origin, Source
from codaar_core.recipe.toml.positions import KeyPath, Place, Span

UNREADABLE = object()
"""Replaces a value whose problem is already recorded."""


@attrs.frozen
class Value:
    """A scalar or a list with its origin."""

    data: Any
    key: Origin
    origin: Origin
    elements: Mapping[tuple[int, ...], Origin] = attrs.field(factory=dict, eq=False, repr=False)

    def element(self, *path: int) -> Origin:
        """The origin of an element of a list, by its indices."""
        return self.elements.get(path, self.origin)


@attrs.frozen
class Table:
    """A table; ``key`` is the origin of its name."""

    items: Mapping[str, Table | Value]
    key: Origin

    @property
    def origin(self) -> Origin:
        """The origin of a table is that of its name."""
        return self.key

    def only(self, names: Collection[str]) -> Table:
        """The table with only these keys."""
        return attrs.evolve(self, items={key: node for key, node in self.items.items() if key in names})

    def without(self, names: Collection[str]) -> Table:
        """The table without these keys."""
        return attrs.evolve(self, items={key: node for key, node in self.items.items() if key not in names})

    def find(self, path: tuple[str, ...]) -> Table | Value | None:
        """The table or value at a path, or None."""
        node: Table | Value | None = self
        for key in path:
            node = node.items.get(key) if isinstance(node, Table) else None
        return node

    def walk(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Value]]:
        """All values with their paths."""
        for key, node in self.items.items():
            if isinstance(node, Table):
                yield from node.walk((*path, key))
            else:
                yield (*path, key), node


def plain(node: Table | Value) -> Any:
    """The data without origins, as tomli returns it."""
    return {key: plain(item) for key, item in node.items.items()} if isinstance(node, Table) else node.data


def build_tree(data: Mapping[str, Any], places: Mapping[KeyPath, Place], source: Source) -> Table:
    """Combine the data of tomli with the positions of ``locate`` to a tree."""

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
    """Merge ``new`` over ``old``: tables merge; values, lists and blocks with another ``use`` replace the old ones."""
    items = dict(old.items)
    for key, node in new.items.items():
        before = items.get(key)
        if isinstance(before, Table) and isinstance(node, Table) and not _other_use(before, node):
            node = merge(before, node)
        items[key] = node
    return Table(items, new.key if new.key.source.is_file else old.key)


def replaced_blocks(old: Table, new: Table, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Value, list[str]]]:
    """The blocks of ``old`` that ``merge`` replaces for another ``use``, and loses settings of.

    Yields:
        The path of a block, its new ``use``, and the settings of the old block that the new one does not have.
    """
    for key, node in new.items.items():
        before = old.items.get(key)
        if not (isinstance(before, Table) and isinstance(node, Table)):
            continue
        if not _other_use(before, node):
            yield from replaced_blocks(before, node, (*path, key))
        elif lost := [name for name in before.items if name not in node.items]:
            use = node.items["use"]
            assert isinstance(use, Value)  # as _other_use found
            yield ".".join((*path, key)), use, lost


def _other_use(old: Table, new: Table) -> bool:
    before, after = old.items.get("use"), new.items.get("use")
    return isinstance(before, Value) and isinstance(after, Value) and before.data != after.data


def remove(tree: Table, path: tuple[str, ...]) -> Table:
    """The tree without the table or value at ``path``."""
    first, *rest = path
    if not rest:
        return tree.without([first])
    inner = tree.items[first]
    return Table({**tree.items, first: remove(inner, tuple(rest))}, tree.key) if isinstance(inner, Table) else tree
