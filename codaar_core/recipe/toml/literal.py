"""Values as TOML writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from codaar_core.api.control_characters import printable

LONGEST = 120  # characters of a value in a message
HUGE = 2**64  # larger integers are written in hexadecimal: Python does not convert those of thousands of characters


def literal(value: Any) -> str:
    """A value as TOML, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) >= HUGE:
        return hex(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key_literal(key)} = {literal(item)}' for key, item in value.items())} }}"
    return str(value)


def key_literal(key: str) -> str:
    """A key as TOML, in quotes if necessary."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else literal(key)


def describe(value: Any) -> str:
    """A value with its type, for messages: ``the string "7"``."""
    kinds = {bool: "the boolean", int: "the integer", float: "the float", str: "the string", list: "the list"}
    if isinstance(value, Mapping):
        return "a table"
    return f"{kinds.get(type(value), f'the {type(value).__name__}')} {shortened(literal(value))}"


def shortened(written: str) -> str:
    """A string cut to ``LONGEST`` characters, without control characters."""
    return printable(written if len(written) <= LONGEST else f"{written[: LONGEST - 1]}…")
