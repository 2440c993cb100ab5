"""Errors a user may cause: what is wrong, where, and what to do. None of them needs a traceback to be understood."""

from __future__ import annotations


class CodaarError(Exception):
    """A clear end of a run.

    Args:
        message: What is wrong, in the user's words, on one line.
        help: What to do about it; a command or a line to paste where there is one.
    """

    exit_code = 1

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.help = help

    def __str__(self) -> str:
        return f"{self.message}\n   = help: {self.help}" if self.help else self.message


class ComponentError(CodaarError):
    """A component cannot be built from its settings and surroundings; the framework adds the recipe's line."""

    exit_code = 2


class DataError(CodaarError):
    """A file or folder is missing, damaged or not what it claims to be; the message names it."""
