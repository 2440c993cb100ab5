"""Runs a command, and turns every error into a message and an exit code."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from codaar_core.api.control_characters import printable
from codaar_core.api.errors import CodaarError
from codaar_core.cli.pipes import tolerate_broken_pipes
from codaar_core.registry.entry import installed_entries

INTERRUPTED = 130
CORE = Path(__file__).resolve().parents[1]
LIBRARIES = [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")]

STYLES: dict[str, dict[str, Any]] = {
    r"error(\[[\w-]+\])?: ": {"fg": "red", "bold": True},
    r"note(\[[\w-]+\])?: ": {"fg": "yellow", "bold": True},
    "   = help: ": {"fg": "cyan"},
    "  --> ": {"dim": True},
}

TRACEBACK = click.Option(
    ["--traceback"], is_flag=True, expose_value=False, help="Print the Python traceback of an error, for bug reports."
)


def run_command(command: click.Command, arguments: list[str] | None = None, name: str | None = None) -> int:
    """Run a command and return its exit code; errors are printed without a traceback.

    Args:
        command: The command.
        arguments: Its arguments; None: those of the process.
        name: Its name in help texts; None: its own.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    with tolerate_broken_pipes(), _short_warnings():
        return _run(command, arguments, name)


def _run(command: click.Command, arguments: list[str], name: str | None) -> int:
    try:
        code = command.main(arguments, prog_name=name or command.name, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return _print_error("error: interrupted", INTERRUPTED)
    except Exception as error:
        if "--traceback" in arguments:
            traceback.print_exc()
        return _print_error(*_message_and_exit_code(error))
    return code if isinstance(code, int) else 0  # the argument of context.exit, if a verb called it


@contextmanager
def _short_warnings() -> Iterator[None]:
    """Inside the context, a warning of CoDAAR is shown as its message alone, without a source line."""
    usual = warnings.formatwarning

    def shown(message: Any, category: Any, filename: str, lineno: int, line: str | None = None) -> str:
        if "codaar" not in filename:
            return usual(message, category, filename, lineno, line)
        return f"warning: {message}\n"

    warnings.formatwarning = shown
    try:
        yield
    finally:
        warnings.formatwarning = usual


def _message_and_exit_code(error: Exception) -> tuple[str, int]:
    if isinstance(error, CodaarError):
        message = str(error)
        return message if message.startswith("error[") else f"{_heading(error)}: {message}", error.exit_code
    if isinstance(error, OSError) and error.filename:
        return f"error: {error.filename}: {error.strerror}", 1
    one_line, line = " ".join(f"{type(error).__name__}: {error}".split()), line_of_plugin(error)
    if line is not None:
        help = "that line belongs to a plug-in or to a file of your own; `--traceback` shows how it was reached"
        return f"error: unexpected {one_line} ({line})\n   = help: {help}", 1
    return f"error: unexpected {one_line}\n   = help: `--traceback` shows the source line; please report it", 1


def line_of_plugin(error: BaseException) -> str | None:
    """The innermost line, as FILE:LINE, of a plug-in or a user's file that the framework called; None: there is none.

    Args:
        error: An error with its traceback.
    """
    packages = {re.split("[.:]", entry.target)[0] for entry in installed_entries()}
    found, called = None, False
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if path.is_relative_to(CORE):
            called = True
        elif called and path.is_file() and _is_of_plugin(path, packages):
            found = frame
    return None if found is None else f"{_shown(found.filename)}:{found.lineno}"


def _is_of_plugin(path: Path, packages: set[str]) -> bool:
    """Whether a file belongs to a package of plug-ins, or to no library."""
    return not packages.isdisjoint(path.parts) or not any(path.is_relative_to(library) for library in LIBRARIES)


def _shown(filename: str) -> str:
    """The path from the working folder, if the file lies in it."""
    relative = os.path.relpath(filename)
    return filename if relative.startswith(os.pardir) else relative


def _heading(error: CodaarError) -> str:
    code = getattr(error, "code", "")
    return f"error[{code}]" if code else "error"


def _print_error(message: str, code: int) -> int:
    click.echo("\n".join(map(coloured, printable(message).splitlines())), err=True)
    return code


def coloured(line: str) -> str:
    """A line of a message in colour; click removes the colours if the output is not a terminal."""
    for start, style in STYLES.items():
        found = re.match(start, line)
        if found:
            return click.style(found[0], **style) + line.removeprefix(found[0])
    return line
