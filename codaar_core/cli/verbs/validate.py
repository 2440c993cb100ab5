"""codaar validate: all problems of a recipe at once."""

from __future__ import annotations

from pathlib import Path

import click

from codaar_core.cli import options
from codaar_core.cli.guard import coloured


@click.command("validate", cls=options.Verb)
@options.recipe
@options.overrides
@options.plugins
def verb(recipe: Path, overrides: tuple[str, ...], plugins: tuple[Path, ...]) -> None:
    """Check a recipe without running it."""
    from codaar_core.recipe import load

    notes = load(recipe, overrides, plugins).notes
    for note in notes:
        click.echo("\n".join(map(coloured, str(note).splitlines())) + "\n")
    remarks = f", with {len(notes)} note{'s' if len(notes) > 1 else ''}" if notes else ""
    click.echo(f"{recipe} is good{remarks}.")
