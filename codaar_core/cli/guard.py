"""The one place where an error becomes words and an exit code."""

from __future__ import annotations

import re
import sys
import traceback
from typing import Any

import click

from codaar_core.api.errors import CodaarError

INTERRUPTED = 130

STYLES: dict[str, dict[str, Any]] = {
    r"error(\[[\w-]+\])?: ": {"fg": "red", "bold": True},
    r"note(\[[\w-]+\])?: ": {"fg": "yellow", "bold": True},
    "   = help: ": {"fg": "cyan"},
    "  --> ": {"dim": True},
}

TRACEBACK = click.Option(
    ["--traceback"], is_flag=True, expose_value=False, help="Show Python's traceback of an error, for bug reports."
)


def guarded(command: click.Command, arguments: list[str] | None = None, name: str | None = None) -> int:
    """Run a command; gives the exit code. No error of a user ends in a traceback."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        code = command.main(arguments, prog_name=name or command.name, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return _say("error: interrupted", INTERRUPTED)
    except Exception as error:
        if "--traceback" in arguments:
            traceback.print_exc()
        return _say(*_told(error))
    return code if isinstance(code, int) else 0  # what a verb gave to context.exit


def _told(error: Exception) -> tuple[str, int]:
    if isinstance(error, CodaarError):
        said = str(error)
        return said if said.startswith("error[") else f"{_heading(error)}: {said}", error.exit_code
    if isinstance(error, OSError) and error.filename:
        return f"error: {error.filename}: {error.strerror}", 1
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return f"error: unexpected {said}\n   = help: `--traceback` shows where; please report it", 1


def _heading(error: CodaarError) -> str:
    code = getattr(error, "code", "")
    return f"error[{code}]" if code else "error"


def _say(message: str, code: int) -> int:
    click.echo("\n".join(map(coloured, message.splitlines())), err=True)
    return code


def coloured(line: str) -> str:
    """A line of a message; click takes the colours out where nobody would see them."""
    for start, style in STYLES.items():
        found = re.match(start, line)
        if found:
            return click.style(found[0], **style) + line.removeprefix(found[0])
    return line
