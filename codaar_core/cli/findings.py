"""Findings, one line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from codaar_core.registry.finding import Finding

COLOURS = {"good": "green", "note": "yellow", "broken": "red"}


def print_findings(findings: Sequence[Finding]) -> None:
    """Print the state of each, what it is, and what to do."""
    for each in findings:
        click.echo(f"{click.style(each.state.ljust(6), fg=COLOURS[each.state])}  {each}")
