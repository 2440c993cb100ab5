"""codaar init: copies of the recipes that installed packages ship."""

from __future__ import annotations

from pathlib import Path

import click

from codaar_core.cli import options


@click.command("init", cls=options.Verb)
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Copy every shipped recipe.")
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    default="recipes",
    show_default=True,
    metavar="DIR",
    help="Where to copy them.",
)
def verb(name: str | None, everything: bool, to: Path) -> None:
    """Copy recipes of installed packages into ./recipes.

    Each comes with the recipes that it extends. Nothing is overwritten. NAME is a recipe or a folder of recipes, as
    `codaar list recipes` shows them; without NAME, the recipes at the top of every package are copied.

    \b
    codaar init
    codaar init ablations/nothing.toml
    codaar init --all
    """
    from codaar_core import copy_recipes

    written = copy_recipes(name, everything, to)
    for path in written:
        click.echo(str(path))
    if not written:
        click.echo(f"nothing to copy: the recipes are in {to} already")
