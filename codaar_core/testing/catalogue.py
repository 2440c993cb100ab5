"""All checks, by kind, in the order in which they are run and documented."""

from __future__ import annotations

from importlib import import_module

from codaar_core.registry import KINDS
from codaar_core.testing.check import Check

MODULES = (
    "package",
    "settings",
    "building",
    "module",
    "extractor",
    "encoder",
    "decoder",
    "quantizer",
    "alignment",
    "loss",
    "head",
    "data",
    "benchmark",
    "hook",
    "recipe",
)


def _checks_in(module: str) -> list[Check]:
    found = vars(import_module(f"codaar_core.testing.checks.{module}")).values()
    return [each for each in found if isinstance(each, Check)]


CHECKS = {module: _checks_in(module) for module in MODULES}
"""By the name of the file that they are in."""


def checks_of(kind: str) -> list[Check]:
    """The checks of a kind of component, or of "package"."""
    return [check for checks in CHECKS.values() for check in checks if kind in check.kinds]


def page() -> str:
    """The part of docs/conformance.md that follows from the checks: Markdown."""
    return "\n".join(line for module in MODULES for line in _table(module))


def _table(module: str) -> list[str]:
    rows = [f"| `{check.name}` | {', '.join(_kinds(check))} | {check.reason} |" for check in CHECKS[module]]
    return [f"### {module}", "", "| check | kinds | rule |", "|---|---|---|", *rows, ""]


def _kinds(check: Check) -> tuple[str, ...]:
    return ("all",) if check.kinds == tuple(KINDS) else check.kinds


if __name__ == "__main__":
    print(page())
