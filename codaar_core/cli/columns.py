"""Tables for a terminal and for pipes."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from codaar_core.api.control_characters import printable

UNLIMITED = 1_000_000  # columns of a pipe


def print_columns(rows: Sequence[Sequence[str]], indent: str = "") -> None:
    """Print rows with aligned columns; a line that is too long for the terminal is cut, in a pipe it is whole."""
    from rich.cells import cell_len, set_cell_size
    from rich.markup import escape

    room = terminal_width() - len(indent)
    for line in render_columns([[escape(cell) for cell in row] for row in rows], UNLIMITED):
        click.echo(indent + (line if cell_len(line) <= room else set_cell_size(line, room - 1) + "…"))


def render_columns(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Lines of a table whose cells are rich markup; cells are wrapped to ``width``."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=width, highlight=False)
    table = Table.grid(padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*map(printable, row))
    with console.capture() as captured:
        console.print(table)
    return [line.rstrip() for line in captured.get().splitlines()]


def terminal_width() -> int:
    """Columns of the terminal; without limit in a pipe."""
    from rich.console import Console

    return Console().width if sys.stdout.isatty() else UNLIMITED
