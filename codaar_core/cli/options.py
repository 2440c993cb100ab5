"""Arguments that several verbs take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from codaar_core.cli.guard import TRACEBACK


class Verb(click.Command):
    """A verb; each takes ``--traceback``."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        super().__init__(*positional, **named)
        self.params.append(TRACEBACK)
        self.context_settings.setdefault("help_option_names", ["-h", "--help"])


recipe = click.argument("recipe", type=click.Path(path_type=Path))

overrides = click.option(
    "-o",
    "overrides",
    multiple=True,
    metavar="PATH=VALUE",
    help="Set a value, as if it stood in the recipe.",
)

plugins = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Use the components that a Python file defines.",
)
