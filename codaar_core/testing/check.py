"""Check: one rule for components, and the error that says how a component breaks it and what to change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from codaar_core.api.errors import CodaarError

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


def expect_help(error: CodaarError, found: str) -> None:
    """Raise a Violation unless an error of a component has a message and says what to do."""
    expect(error.message and error.help, f"{found} without saying what to do", "raise the error with (message, help)")


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
        """The rule and its purpose: the first line of its docstring."""
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
