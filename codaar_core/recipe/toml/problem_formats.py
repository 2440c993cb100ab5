"""Machine-readable formats of problems: JSON, and annotations of GitHub Actions."""

from __future__ import annotations

import json
from collections.abc import Sequence

from codaar_core.api.control_characters import printable
from codaar_core.recipe.toml.problem import Problem


def as_json(problems: Sequence[Problem]) -> str:
    """Problems as a JSON list of objects; file and line are null for a problem on the command line."""
    return json.dumps([_fields(problem) for problem in problems], indent=1, ensure_ascii=False)


def _fields(problem: Problem) -> dict[str, str | int | None]:
    origin = problem.origin if problem.origin and problem.origin.source.is_file else None
    return {
        "level": problem.level,
        "code": problem.code,
        "message": problem.message,
        "help": problem.help,
        "file": origin.source.name if origin else None,
        "line": origin.line if origin else None,
        "column": origin.column if origin else None,
        "width": origin.width if origin else None,
    }


def as_github(problems: Sequence[Problem]) -> str:
    """Problems as workflow commands, which GitHub shows at the lines of a pull request."""
    return "\n".join(map(_annotation, problems))


def _annotation(problem: Problem) -> str:
    fields = _fields(problem)
    place = {"file": fields["file"], "line": fields["line"], "col": fields["column"], "title": problem.code}
    properties = ",".join(f"{name}={_escaped(value, ':,')}" for name, value in place.items() if value is not None)
    message = printable(f"{problem.message}\n{problem.help}".strip())
    return f"::{'error' if problem.level == 'error' else 'notice'} {properties}::{_escaped(message)}"


def _escaped(value: object, more: str = "") -> str:
    """A value with the characters escaped that would end it."""
    written = str(value).replace("%", "%25")
    for letter in f"\r\n{more}":
        written = written.replace(letter, f"%{ord(letter):02X}")
    return written
