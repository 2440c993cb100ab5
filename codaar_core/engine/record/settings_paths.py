"""Flattens nested tables to dotted paths, so that they can be compared setting by setting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def flattened(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted path and value of each entry that is not a table; tuples become lists, as in TOML."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", list(value) if isinstance(value, tuple) else value
