"""codaar validate: all problems of a recipe at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codaar_core.cli import options
from codaar_core.cli.guard import coloured

if TYPE_CHECKING:
    from codaar_core.recipe import Problem


@click.command("validate", cls=options.Verb)
@options.recipe
@options.overrides
@options.plugins
@click.option("--deep", is_flag=True, help="Build every block, and take one step on synthetic data.")
@click.option(
    "--format", "form", type=click.Choice(["plain", "json", "github"]), default="plain", help="How to print problems."
)
@click.pass_context
def verb(
    context: click.Context, recipe: Path, overrides: tuple[str, ...], plugins: tuple[Path, ...], deep: bool, form: str
) -> None:
    """Check a recipe without running it.

    Every message has a heading in docs/errors.md. Exit code 2 if there is an error; notes are none.
    """
    import codaar_core
    from codaar_core.recipe import as_github, as_json

    problems = codaar_core.validate(recipe, overrides, plugins, deep)
    if form == "plain":
        tell(recipe, problems)
    else:
        click.echo({"json": as_json, "github": as_github}[form](problems))
    if any(problem.level == "error" for problem in problems):
        context.exit(2)


def tell(recipe: Path, problems: Sequence[Problem]) -> None:
    """Print problems for people; an error ends the verb."""
    from codaar_core.recipe import RecipeError

    if any(problem.level == "error" for problem in problems):
        raise RecipeError(problems)
    for note in problems:
        click.echo("\n".join(map(coloured, str(note).splitlines())) + "\n")
    remarks = f", with {len(problems)} note{'s' if len(problems) > 1 else ''}" if problems else ""
    click.echo(f"{recipe} is good{remarks}.")
