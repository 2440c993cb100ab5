"""Notes of a recipe that are printed before it runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from codaar_core.cli.errors import coloured

if TYPE_CHECKING:
    from codaar_core.recipe import Problem


def print_problem(problem: Problem, to_stderr: bool = False) -> None:
    """Print a problem or note, and an empty line after it."""
    click.echo("\n".join(map(coloured, str(problem).splitlines())) + "\n", err=to_stderr)


def print_notes_before_run(notes: Iterable[Problem]) -> None:
    """Print to stderr the notes that ask for a change: probable slips, dropped settings, former names of settings."""
    from codaar_core.recipe.checking.renamed import CODE

    for note in {str(note): note for note in notes}.values():
        if note.code in (CODE, "dropped-settings") or note.help.startswith("did you mean"):
            print_problem(note, to_stderr=True)
