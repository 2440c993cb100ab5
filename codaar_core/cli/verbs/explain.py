"""codaar explain: where every value of a recipe comes from."""

from __future__ import annotations

from pathlib import Path

import click

from codaar_core.cli import options
from codaar_core.cli.columns import print_columns


@click.command("explain", cls=options.Verb)
@options.recipe
@options.overrides
def verb(recipe: Path, overrides: tuple[str, ...]) -> None:
    """Print every value with its file and line.

    Imports no component, so the defaults of components are not in it: `codaar inspect` shows them.
    """
    from codaar_core.recipe import explain, literal

    print_columns([(each.path, f"= {literal(each.value)}", f"# {each.origin}") for each in explain(recipe, overrides)])
