"""codaar schema: completion and checks of recipes in an editor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from codaar_core.cli import options


@click.command("schema", cls=options.Verb)
@click.option("-O", "output", type=click.Path(path_type=Path), metavar="FILE", help="Write it to a file.")
@click.option("--results", is_flag=True, help="The schema of results.json instead of that of recipes.")
@options.plugins
def verb(output: Path | None, results: bool, plugins: tuple[Path, ...]) -> None:
    """Print the JSON schema of recipes, or of results.json.

    That of recipes knows the components that are installed. An editor with Taplo reads it where a recipe begins with

    \b
    #:schema recipe.schema.json

    \b
    codaar schema -O recipe.schema.json
    codaar schema --results
    """
    written = json.dumps(_results() if results else _recipes(plugins), indent=1, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(written, nl=False)
    else:
        output.write_text(written, "utf-8")


def _recipes(plugins: tuple[Path, ...]) -> dict[str, Any]:
    from codaar_core.recipe import schema

    return schema(plugins)


def _results() -> dict[str, Any]:
    from codaar_core.engine.results import json_schema

    return json_schema()
