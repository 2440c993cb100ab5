"""Scalars that are valid TOML, but that no setting can have: NaN, infinity, huge integers, control characters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from codaar_core.api.control_characters import has_control_characters
from codaar_core.recipe.toml.literal import describe

BITS = 64


def scalar_fault(value: Any) -> str:
    """What is wrong with a scalar, as ``expected ..., got ...``; empty if nothing is."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"expected a finite number, got {value}"
    if type(value) is int and not -(2 ** (BITS - 1)) <= value < 2 ** (BITS - 1):
        return f"expected an integer of {BITS} bits, got {describe(value)}"
    if isinstance(value, str) and has_control_characters(value):
        return f"expected a string without control characters, got {describe(value)}"
    return ""


def text_faults(data: Any, inside: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], str]]:
    """The faults of every string and key in a value, each with its indices in lists."""
    if isinstance(data, list):
        for number, item in enumerate(data):
            yield from text_faults(item, (*inside, number))
    elif isinstance(data, dict):
        for key, item in data.items():
            yield from text_faults(key, inside)
            yield from text_faults(item, inside)
    elif isinstance(data, str) and (fault := scalar_fault(data)):
        yield inside, fault
