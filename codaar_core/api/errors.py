"""Errors that a user can cause. Their messages say what is wrong, where, and what to do; no traceback is needed."""

from __future__ import annotations


class CodaarError(Exception):
    """An error that is reported without a traceback.

    Args:
        message: What is wrong, on one line.
        help: What to do about it, e.g. a command or a line to paste.

    Attributes:
        exit_code: Exit status of the command line.
    """

    exit_code = 1

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.help = help

    def __str__(self) -> str:
        return f"{self.message}\n   = help: {self.help}" if self.help else self.message


class ComponentError(CodaarError):
    """A component does not fit its settings or context; the framework adds the line of the recipe."""

    exit_code = 2


class DataError(CodaarError):
    """A file or folder is missing, damaged or of the wrong kind; the message names it."""
