"""Where wrong components are entered, and short ways to make them of good ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import attrs

WRONG: dict[tuple[str, str], list[tuple[type, str]]] = {}


def breaks(check: str, message: str) -> Callable[[type], type]:
    """Enter a class for a check of its kind; ``message`` is a part of the violation's message."""

    def enter(wrong: Any) -> type:
        WRONG.setdefault((wrong.kind, check), []).append((wrong, message))
        return wrong

    return enter


def replaces(base: type, method: str, check: str, message: str) -> Callable[[Callable[..., Any]], type]:
    """Make a wrong component of a good one: the decorated function takes the place of one method."""

    def make(function: Callable[..., Any]) -> type:
        members = {"__doc__": function.__doc__, "__module__": function.__module__, method: function}
        return breaks(check, message)(type(base)(function.__name__, (base,), members))

    return make


def alters(base: type, method: str, check: str, message: str) -> Callable[[Callable[[Any], Any]], type]:
    """Make a wrong component of a good one: the decorated function changes the result of one method."""

    def make(change: Callable[[Any], Any]) -> type:
        good = getattr(base, method)

        def altered(self: Any, *given: Any) -> Any:
            return change(good(self, *given))

        return replaces(base, method, check, message)(update_wrapper(altered, change))

    return make


def one_setting(kind: type, power: Any, frozen: bool = True) -> type:
    """A ``Config`` whose only setting is called ``power``."""
    plain = type("Config", (), {"__annotations__": {"power": kind}, "power": power})
    return attrs.define(plain, kw_only=True, frozen=frozen)
