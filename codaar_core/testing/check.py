"""Check: one rule that a component must keep, and the error that says which rule it breaks and what to change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

Rule = Callable[[Any], None]


class Violation(AssertionError):
    """A component breaks a rule.

    Args:
        found: What was expected, and what came instead.
        change: What the author should change.
    """

    def __init__(self, found: str, change: str) -> None:
        super().__init__(f"{found}\n   = help: {change}")


def expect(holds: object, found: str, change: str) -> None:
    """Raise a Violation unless ``holds``."""
    if not holds:
        raise Violation(found, change)


def _always(subject: Any) -> bool:
    return True


@attrs.frozen
class Check:
    """One rule; calling it on a subject raises where the subject breaks it."""

    rule: Rule
    kinds: tuple[str, ...]
    applies: Callable[[Any], bool]
    once: bool = False  # about the class: checked in its first configuration only

    @property
    def name(self) -> str:
        """The last part of an id."""
        return self.rule.__name__.replace("_", "-")

    @property
    def reason(self) -> str:
        """What the rule is, and why: the first line of its docstring."""
        return (self.rule.__doc__ or "").partition("\n")[0]

    def __call__(self, subject: Any) -> None:
        """Raise where ``subject`` breaks the rule."""
        self.rule(subject)


def check(*kinds: str, applies: Callable[[Any], bool] = _always, once: bool = False) -> Callable[[Rule], Check]:
    """Make a function a check of components.

    Args:
        kinds: The kinds of components that it checks.
        applies: Which components of these kinds it checks.
        once: Whether it is about the class, not about a configuration: checked in the first configuration only.
    """
    return lambda rule: Check(rule, kinds, applies, once)
