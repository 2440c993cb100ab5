"""codaar schema: completion and checks of recipes in an editor."""

from __future__ import annotations

import json
from pathlib import Path

import click

from codaar_core.cli import options


@click.command("schema", cls=options.Verb)
@click.option("-O", "output", type=click.Path(path_type=Path), metavar="FILE", help="Write it to a file.")
@options.plugins
def verb(output: Path | None, plugins: tuple[Path, ...]) -> None:
    """Print the JSON schema of recipes.

    It knows the components that are installed. An editor with Taplo reads it where a recipe begins with

    \b
    #:schema recipe.schema.json
    """
    from codaar_core.recipe import schema

    written = json.dumps(schema(plugins), indent=1, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(written, nl=False)
    else:
        output.write_text(written, "utf-8")
