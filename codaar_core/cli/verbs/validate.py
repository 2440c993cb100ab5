"""codaar validate: all problems of a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codaar_core.cli import options
from codaar_core.cli.notes import print_problem

if TYPE_CHECKING:
    from codaar_core.recipe import Problem


@click.command("validate", cls=options.Verb)
@options.recipe
@options.overrides
@options.plugins
@click.option(
    "--deep",
    is_flag=True,
    help="Also build every block, take one step on synthetic data and read the first clip of every split.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["plain", "json", "github"]),
    default="plain",
    help="Output format: for people, as JSON, or as annotations of GitHub Actions.",
)
@click.pass_context
def verb(
    context: click.Context, recipe: Path, overrides: tuple[str, ...], plugins: tuple[Path, ...], deep: bool, form: str
) -> None:
    """Check a recipe without running it.

    docs/errors.md explains every message. Exit code 2 if there is an error; notes are not errors.

    \b
    codaar validate recipes/avt.toml
    codaar validate recipes/avt.toml -o optimizer.lr=1e-3 --deep
    """
    import codaar_core
    from codaar_core.recipe import as_github, as_json

    problems = codaar_core.validate(recipe, overrides, plugins, deep)
    if form == "plain":
        print_problems(recipe, problems)
    else:
        click.echo({"json": as_json, "github": as_github}[form](problems))
    if any(problem.level == "error" for problem in problems):
        context.exit(2)


def print_problems(recipe: Path, problems: Sequence[Problem]) -> None:
    """Print notes for people.

    Raises:
        RecipeError: One of the problems is an error.
    """
    from codaar_core.recipe import RecipeError

    if any(problem.level == "error" for problem in problems):
        raise RecipeError(problems)
    for note in problems:
        print_problem(note)
    notes = f", with {len(problems)} note{'s' if len(problems) > 1 else ''}" if problems else ""
    click.echo(f"{recipe} is valid{notes}.")
