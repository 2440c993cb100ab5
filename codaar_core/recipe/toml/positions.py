"""Positions of the keys and values of a TOML document that tomli accepted; tomli itself gives no positions."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

import tomli

KeyPath = tuple["str | int", ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"""[^\s=.\[\]{}"',#]+|"(?:\\.|[^"\\])*"|'[^']*'""")
_STRING = re.compile(r'''"""(?:\\[\s\S]|[^\\])*?""""{0,2}|\'\'\'[\s\S]*?\'\'\'\'{0,2}|"(?:\\.|[^"\\\n])*"|'[^'\n]*\'''')
_SCALAR = re.compile(r"\d{4}-\d\d-\d\d \d\d:[^\s,\]}#]+|[^\s,\]}#]+")


class Span(NamedTuple):
    """A range of characters; lines and columns count from 1. A value of several lines is cut after its first line."""

    line: int
    column: int
    width: int


class Place(NamedTuple):
    """The positions of a key and its value; for an element of a list, both are those of the element."""

    key: Span
    value: Span


def locate(document: str) -> dict[KeyPath, Place]:
    """The positions of every table, value and list element of a valid TOML document, by path."""
    return _Scanner(document).places


def is_dotted_key(written: str) -> bool:
    """Whether ``written`` is a valid TOML key, dotted or not."""
    return re.fullmatch(rf"\s*(?:{_KEY.pattern})(?:\s*\.\s*(?:{_KEY.pattern}))*\s*", written) is not None


class _Scanner:
    """Scans a document once, from start to end."""

    def __init__(self, document: str) -> None:
        self.document = document
        self.starts = [0, *(match.end() for match in re.finditer("\n", document))]
        self.places: dict[KeyPath, Place] = {}
        self.lists_of_tables: dict[KeyPath, int] = {}
        self.at = 0
        self.table: KeyPath = ()
        self._document()

    def _document(self) -> None:
        self._skip(_BLANK)
        while self.at < len(self.document):
            if self._peek() == "[":
                self._header()
            else:
                self._pair(self.table)
            self._skip(_BLANK)

    def _header(self) -> None:
        many = self.document.startswith("[[", self.at)
        self.at += 2 if many else 1
        keys = self._keys()
        self.at += 2 if many else 1
        path: KeyPath = ()
        for number, (key, span) in enumerate(keys, 1):
            path += (key,)
            self.places.setdefault(path, Place(span, span))
            if many and number == len(keys):
                self.lists_of_tables[path] = self.lists_of_tables.get(path, -1) + 1
            if path in self.lists_of_tables:
                path += (self.lists_of_tables[path],)
                self.places.setdefault(path, Place(span, span))
        self.table = path

    def _pair(self, table: KeyPath) -> None:
        *outer, (last, span) = self._keys()
        for key, around in outer:
            table += (key,)
            self.places.setdefault(table, Place(around, around))
        self.at += 1  # the "="
        self._skip(_SPACE)
        self._value((*table, last), span)

    def _keys(self) -> list[tuple[str, Span]]:
        keys = []
        while True:
            self._skip(_SPACE)
            start = self.at
            written = self._take(_KEY)
            keys.append((_name(written), self._span(start)))
            self._skip(_SPACE)
            if self._peek() != ".":
                return keys
            self.at += 1

    def _value(self, path: KeyPath, key: Span | None) -> None:
        start, opening = self.at, self._peek()
        if opening == "[":
            self._list(path)
        elif opening == "{":
            self._inline_table(path)
        elif opening in "\"'":
            self._take(_STRING)
        else:
            self._take(_SCALAR)
        span = self._span(start)
        self.places[path] = Place(key or span, span)

    def _list(self, path: KeyPath) -> None:
        self.at += 1
        self._skip(_BLANK)
        number = 0
        while self._peek() != "]":
            self._value((*path, number), None)
            self._comma()
            number += 1
        self.at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self.at += 1
        self._skip(_BLANK)
        while self._peek() != "}":
            self._pair(path)
            self._comma()
        self.at += 1

    def _comma(self) -> None:
        self._skip(_BLANK)
        if self._peek() == ",":
            self.at += 1
            self._skip(_BLANK)

    def _peek(self) -> str:
        return self.document[self.at : self.at + 1]

    def _skip(self, pattern: re.Pattern[str]) -> None:
        self._take(pattern)

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.document, self.at)
        assert match, f"tomli accepts what {pattern.pattern} does not match"
        self.at = match.end()
        return match.group()

    def _span(self, start: int) -> Span:
        line = bisect_right(self.starts, start)
        first_line = self.document[start : self.at].partition("\n")[0].rstrip("\r")
        return Span(line, start - self.starts[line - 1] + 1, len(first_line))


def _name(written: str) -> str:
    if written[0] not in "\"'":
        return written
    return tomli.loads(f"value = {written}")["value"]
