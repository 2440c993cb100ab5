"""Findings of checks in a table: state, what was found, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from codaar_core.cli.columns import render_columns, terminal_width

if TYPE_CHECKING:
    from codaar_core.registry.finding import Finding

COLOURS = {"good": "green", "note": "yellow", "broken": "red"}


def print_findings(findings: Sequence[Finding]) -> None:
    """Print one row for each finding: its coloured state, what was found, and what to do."""
    from rich.markup import escape

    rows = [(f"[{COLOURS[each.state]}]{each.state}[/]", escape(str(each))) for each in findings]
    for line in render_columns(rows, terminal_width()) if rows else []:
        click.echo(line)
