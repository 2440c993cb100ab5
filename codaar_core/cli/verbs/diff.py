"""codaar diff: the values in which two recipes or runs differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from codaar_core.cli import options
from codaar_core.cli.columns import print_columns

if TYPE_CHECKING:
    from codaar_core.recipe import Explained

ABSENT = ("-", "")


@click.command("diff", cls=options.Verb)
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@options.overrides
def verb(before: Path, after: Path, overrides: tuple[str, ...]) -> None:
    """Compare two recipes or run directories, value by value.

    Overrides apply to AFTER. No component is imported, so settings that a recipe leaves at the default of a component
    are not compared.

    \b
    codaar diff recipes/av.toml recipes/avt.toml
    codaar diff runs/avt/STAMP recipes/avt.toml
    """
    from codaar_core.recipe import diff

    found = diff(before, after, overrides)
    if not found:
        click.echo("no value differs")
        return
    print_columns([(each.path, *_side(each.before), "->", *_side(each.after)) for each in found])


def _side(given: Explained | None) -> tuple[str, str]:
    from codaar_core.recipe import literal

    return (literal(given.value), f"# {given.origin}") if given else ABSENT
