"""Arguments and options shared by several verbs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from codaar_core.cli.errors import TRACEBACK


class Verb(click.Command):
    """A command with the options of every verb: ``--traceback`` and ``-h``."""

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
    help="Set a value of the recipe; may be repeated.",
)

plugins = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Add the components that a Python file defines; may be repeated.",
)
