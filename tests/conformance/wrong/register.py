"""Where wrong components are entered, and short ways to make them of good ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import attrs

WRONG: dict[tuple[str, str], list[tuple[type, str]]] = {}


def breaks(check: str, message: str) -> Callable[[type], type]:
    """Enter a class for a check of its kind; ``message`` is a part of the violation's message."""

    def enter(wrong: Any) -> type:
        WRONG.setdefault((wrong.kind, check), []).append((wrong, message))
        return wrong

    return enter


def alters(base: type, method: str, check: str, message: str) -> Callable[[Callable[[Any], Any]], type]:
    """Make a wrong component of a good one: the decorated function changes the result of one method."""

    def make(change: Callable[[Any], Any]) -> type:
        good = getattr(base, method)

        @wraps(good)
        def altered(self: Any, *given: Any) -> Any:
            return change(good(self, *given))

        members = {"__doc__": change.__doc__, "__module__": change.__module__, method: altered}
        return breaks(check, message)(type(base)(change.__name__, (base,), members))

    return make


def one_setting(kind: type, power: Any, frozen: bool = True) -> type:
    """A ``Config`` whose only setting is called ``power``."""
    plain = type("Config", (), {"__annotations__": {"power": kind}, "power": power})
    return attrs.define(plain, kw_only=True, frozen=frozen)
