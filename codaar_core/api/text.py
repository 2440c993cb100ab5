"""Text from files and other processes, made safe to print on a terminal."""

from __future__ import annotations

import re

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters except tab and newline, separators of lines, and those that reverse the direction of text."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Replace each character that controls a terminal; the length of the text stays the same."""
    return _UNSAFE.sub(REPLACEMENT, text)


def has_control_characters(text: str) -> bool:
    """Whether a text has control characters other than tab, newline and carriage return before a newline."""
    return _CONTROL.search(text.replace("\r\n", "\n")) is not None
