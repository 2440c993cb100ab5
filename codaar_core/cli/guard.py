"""The one place where an error becomes words and an exit code."""

from __future__ import annotations

import sys
import traceback

import click

from codaar_core.api.errors import CodaarError

INTERRUPTED = 130

TRACEBACK = click.Option(
    ["--traceback"], is_flag=True, expose_value=False, help="Show Python's traceback of an error, for bug reports."
)


def guarded(command: click.Command, arguments: list[str] | None = None, name: str | None = None) -> int:
    """Run a command; gives the exit code. No error of a user ends in a traceback."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        command.main(arguments, prog_name=name or command.name, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return _say("error: interrupted", INTERRUPTED)
    except Exception as error:
        if "--traceback" in arguments:
            traceback.print_exc()
        return _say(*_told(error))
    return 0


def _told(error: Exception) -> tuple[str, int]:
    if isinstance(error, CodaarError):
        said = str(error)
        return said if said.startswith("error: ") else f"error: {said}", error.exit_code
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return f"error: unexpected {said}\n   = help: `--traceback` shows where; please report it", 1


def _say(message: str, code: int) -> int:
    click.echo("\n".join(map(coloured, message.splitlines())), err=True)
    return code


def coloured(line: str) -> str:
    """A line of a message; click takes the colours out where nobody would see them."""
    for start, style in (
        ("error: ", {"fg": "red", "bold": True}),
        ("note: ", {"fg": "yellow", "bold": True}),
        ("   = help: ", {"fg": "cyan"}),
        ("  --> ", {"dim": True}),
    ):
        if line.startswith(start):
            return click.style(start, **style) + line.removeprefix(start)
    return line
