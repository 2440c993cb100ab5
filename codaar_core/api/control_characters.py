"""Strings from files and other processes, made safe to print on a terminal."""

from __future__ import annotations

import re

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters except tab and newline, separators of lines, and those that reverse the direction of writing."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(string: str) -> str:
    """Replace each character that controls a terminal; the length of the string stays the same."""
    return _UNSAFE.sub(REPLACEMENT, string)


def has_control_characters(string: str) -> bool:
    """Whether a string has control characters other than tab, newline and carriage return before a newline."""
    return _CONTROL.search(string.replace("\r\n", "\n")) is not None
