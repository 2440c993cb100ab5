"""Arguments and options shared by several verbs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from codaar_core.cli.errors import TRACEBACK
from codaar_core.registry import closest


class Verb(click.Command):
    """A command with the options of every verb: ``--traceback`` and ``-h``."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        super().__init__(*positional, **named)
        self.params.append(TRACEBACK)
        self.context_settings.setdefault("help_option_names", ["-h", "--help"])

    def parse_args(self, context: click.Context, arguments: list[str]) -> list[str]:
        """Parse the arguments; an unknown option that is called like a setting of recipes is answered with ``-o``.

        Raises:
            UsageError: The arguments are wrong.
        """
        given = list(arguments)
        try:
            return super().parse_args(context, arguments)
        except click.NoSuchOption as error:
            takes_settings = any(parameter.name == "overrides" for parameter in self.params)
            is_slip = bool(closest(error.option_name, error.possibilities or ()))
            hint = _as_override(error.option_name, given, is_slip) if takes_settings else ""
            if not hint:
                raise
            raise click.UsageError(f"No such option {error.option_name!r}: {hint}", context) from error


def _as_override(option: str, arguments: list[str], is_slip: bool) -> str:
    """How to set what an unknown option was to set; empty if it is no setting, but a misspelt option."""
    from codaar_core.recipe.checking.check import settings_called

    paths = settings_called([option.lstrip("-").replace("-", "_")])
    place = next((number for number, word in enumerate(arguments) if word.partition("=")[0] == option), None)
    if not paths or place is None:
        rule = "settings of the recipe are given by -o PATH=VALUE, and `codaar explain RECIPE` lists their paths"
        return "" if is_slip else rule
    value = arguments[place].partition("=")[2] or next(iter(arguments[place + 1 :]), "VALUE")
    return f"settings of the recipe are given by {' or '.join(f'-o {path}={value}' for path in paths)}"


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
