"""The command line: arguments and printing only."""

from __future__ import annotations

from codaar_core.cli.commands import codaar, load_verb
from codaar_core.cli.guard import guarded


def main() -> None:
    """Entry point of ``codaar``."""
    raise SystemExit(guarded(codaar))


def run() -> None:
    """Entry point of ``codaar-run``, the same as ``codaar run``."""
    raise SystemExit(guarded(load_verb("run"), name="codaar-run"))
