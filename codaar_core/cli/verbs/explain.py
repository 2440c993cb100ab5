"""codaar explain: the origin of every value of a recipe."""

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

    No component is imported, so defaults of components are not listed: `codaar inspect` shows them.

    \b
    codaar explain recipes/av.toml
    codaar explain recipes/av.toml -o model.align=[]
    """
    from codaar_core.recipe import explain, literal

    print_columns([(each.path, f"= {literal(each.value)}", f"# {each.origin}") for each in explain(recipe, overrides)])
