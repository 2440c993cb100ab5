"""Commands that plug-ins add to the command line, imported when they are called."""

from __future__ import annotations

from importlib import metadata

import click

from codaar_core.api.errors import CodaarError
from codaar_core.registry.loading import cause, prints_to_stderr


def load_plugin_command(point: metadata.EntryPoint) -> click.Command:
    """Import a command; if the import fails, the command raises an error when it is called."""
    try:
        with prints_to_stderr():
            command = point.load()
    except (Exception, SystemExit) as error:
        return _broken(point, cause(error))
    return command if isinstance(command, click.Command) else _broken(point, f"{point.value} is not a click command")


def _broken(point: metadata.EntryPoint, reason: str) -> click.Command:
    def raise_error(**_: object) -> None:
        package = point.dist.name if point.dist else point.value
        raise CodaarError(f"the command {point.name} of {package} could not be loaded: {reason}")

    everything = click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)
    settings = {"ignore_unknown_options": True}
    short = "Could not be loaded."
    return click.Command(
        point.name, context_settings=settings, callback=raise_error, params=[everything], short_help=short
    )
