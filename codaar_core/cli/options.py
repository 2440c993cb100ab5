"""Arguments and options shared by several verbs."""

from __future__ import annotations

from collections.abc import Callable
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


def device(flag: str) -> Callable[[Any], Any]:
    """The option, called ``flag``, for the device of a network."""
    return click.option(
        flag,
        type=click.Choice(["auto", "cpu", "cuda", "mps"]),
        default="auto",
        show_default=True,
        help="Device of the network; auto selects a GPU if there is one.",
    )
