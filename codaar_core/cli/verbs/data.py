"""codaar data: what one must know before using a data source."""

from __future__ import annotations

from pathlib import Path

import click

from codaar_core.cli import options
from codaar_core.cli.columns import print_columns
from codaar_core.cli.completion import names_of


@click.command("data", cls=options.Verb)
@click.argument("name", metavar="NAME|RECIPE", shell_complete=names_of("data"))
@options.overrides
@options.plugins
def verb(name: str, overrides: tuple[str, ...], plugins: tuple[Path, ...]) -> None:
    """Show the terms of a data source, and how to get it.

    \b
    codaar data NAME                 of a component
    codaar data recipes/avt.toml     of a recipe; looks whether its files are there
    """
    from codaar_core.engine import data_card, data_of

    found = data_of(name, overrides, plugins) if name.endswith(".toml") else data_card(name, plugins)
    card = found.card
    click.secho(f"data {found.entry.full_name}", bold=True)
    rows = {"title": card.title, "licence": card.licence, "to get it": card.how_to_get, "homepage": card.homepage}
    print_columns([(key, value) for key, value in rows.items() if value], indent="  ")
    if found.missing is not None:
        raise found.missing
    if found.found:
        click.echo(f"it is there: {found.found}")
