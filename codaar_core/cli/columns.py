"""Tables for a terminal and for pipes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

import click


def print_columns(rows: Sequence[Sequence[str]], indent: str = "") -> None:
    """Print rows with aligned columns; on a terminal a long line is cut, in a pipe it is whole."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        click.echo(shorten(line, shutil.get_terminal_size().columns) if sys.stdout.isatty() else line)


def shorten(line: str, width: int) -> str:
    """Cut a line that is too long."""
    return line if len(line) <= width else f"{line[: width - 1]}…"
