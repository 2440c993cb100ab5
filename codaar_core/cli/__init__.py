"""The command line: parses arguments, calls codaar_core and prints what it returns."""

from __future__ import annotations

from codaar_core.cli.commands import codaar, load_verb
from codaar_core.cli.errors import run_command


def main() -> None:
    """Entry point of ``codaar``."""
    raise SystemExit(run_command(codaar))


def run() -> None:
    """Entry point of ``codaar-run``, the same as ``codaar run``."""
    raise SystemExit(run_command(load_verb("run"), name="codaar-run"))
