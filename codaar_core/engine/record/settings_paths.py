"""Nested tables as dotted paths, to compare them setting by setting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def flattened(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each value that is not a table, with its dotted path; tuples become lists, as TOML has them."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", list(value) if isinstance(value, tuple) else value
