"""Tables for a terminal and for pipes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.text import Text

UNLIMITED = 1_000_000  # columns of a pipe


def print_columns(rows: Sequence[Sequence[str | Text]], indent: str = "", wrap: bool = False) -> None:
    """Print rows with aligned columns. On a terminal a long line is cut, or wrapped; in a pipe it is whole.

    Args:
        rows: Cells, as many in each row.
        indent: Printed before each line.
        wrap: Whether on a terminal long cells are wrapped; otherwise the line is cut, so that names stay whole.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    room = console.width - len(indent) if sys.stdout.isatty() else UNLIMITED
    table = Table.grid(padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    options = console.options.update_width(room if wrap else UNLIMITED)
    for line in console.render_lines(table, options, pad=False):
        text = Text.assemble(*((segment.text, segment.style or "") for segment in line))
        text.rstrip()
        text.truncate(room, overflow="ellipsis")
        with console.capture() as captured:
            console.print(text, end="", soft_wrap=True, highlight=False)
        click.echo(indent + captured.get())
