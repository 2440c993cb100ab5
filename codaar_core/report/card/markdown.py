"""Escapes strings for Markdown and YAML, so that a name in a results file cannot change the layout of a page."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from codaar_core.api.control_characters import printable

SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~&$])")
LINE_START = re.compile(r"^(\d*)([-=+#.)])(?=\s|$|[-=#])")  # of a list, a heading or a rule
KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def escaped(value: object) -> Markup:
    """A value as one line of Markdown."""
    if isinstance(value, Markup):
        return value
    line = " ".join(printable(str(value)).split())
    return Markup(LINE_START.sub(r"\1\\\2", SPECIAL.sub(r"\\\1", line)))


def code_block(string: str, language: str = "") -> Markup:
    """A fenced block, whose fence is longer than every row of backticks in the string."""
    longest = max((len(found) for found in re.findall("`+", string)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markup(f"{fence}{language}\n{printable(string.strip())}\n{fence}")


def inline_code(string: object) -> Markup:
    """One line as code, also inside a table."""
    line = " ".join(printable(str(string)).split()).replace("|", "\\|")
    longest = max((len(found) for found in re.findall("`+", line)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return Markup(f"{fence}{space}{line}{space}{fence}")


def plain_text(value: object) -> Markup:
    """One line of a file, without escapes."""
    return Markup(" ".join(printable(str(value)).split()))


def yaml(values: Mapping[str, Any], indent: str = "") -> str:
    """Nested tables and lists as YAML; strings are quoted as in JSON, which YAML contains.

    Args:
        values: A table whose keys are words; values are tables, lists, strings, numbers, booleans or None.
        indent: Blanks before each line.

    Raises:
        ValueError: A key is not a word.
    """
    lines = []
    for key, value in values.items():
        if not KEY.fullmatch(key):
            raise ValueError(f"{key!r} is not a word")
        lines.append(f"{indent}{key}:{_yaml_value(value, indent)}")
    return "\n".join(lines)


def _yaml_value(value: Any, indent: str) -> str:
    if isinstance(value, Mapping) and value:
        return "\n" + yaml(value, indent + "  ")
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        return "".join(f"\n{indent}- {_yaml_item(each, indent + '  ')}" for each in value)
    return f" {json.dumps(value, allow_nan=False)}"


def _yaml_item(value: Any, indent: str) -> str:
    """An element of a list; the first key of a table stands beside the dash."""
    return yaml(value, indent).lstrip() if isinstance(value, Mapping) else json.dumps(value, allow_nan=False)
