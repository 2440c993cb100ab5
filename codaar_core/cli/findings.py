"""Findings of checks in a table: state, subject, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from codaar_core.cli.columns import print_columns

if TYPE_CHECKING:
    from codaar_core.registry.finding import Finding

COLOURS = {"good": "green", "note": "yellow", "broken": "red"}


def print_findings(findings: Sequence[Finding]) -> None:
    """Print one row for each finding: its coloured state, what was found, and what to do."""
    from rich.text import Text

    if findings:
        print_columns([(Text(each.state, COLOURS[each.state]), str(each)) for each in findings], wrap=True)
