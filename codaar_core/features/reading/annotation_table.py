"""Annotation tables separated by comma, TAB or &, with or without a header line."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from codaar_core.api.deprecation import renamed
from codaar_core.api.errors import DataError
from codaar_core.api.regular_file import read_bounded
from codaar_core.features.file_defects import NOTHING, FileDefect, FileDefects

MOST = 1 << 26  # bytes of a table
SEPARATORS = {"\t": "TAB", "&": "&", ",": "comma"}


@attrs.frozen
class Row:
    """One row of a table."""

    line: int  # in the file, from 1
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]


@attrs.frozen
class Table:
    """The well-formed rows of a file, and its tolerated defects."""

    path: Path
    rows: tuple[Row, ...]
    defects: FileDefects = NOTHING
    findings = renamed("findings", "defects")

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def column(self, name: str) -> list[str]:
        """The cells of a column."""
        return [row[name] for row in self.rows]

    def reporting_repeated(self, column: str) -> Table:
        """The same rows, with a defect for each that repeats a cell of an earlier one."""
        return attrs.evolve(self, defects=self.defects + self._defects(f"repeated {column}", self._repeated(column)))

    def without_repeated(self, column: str) -> Table:
        """Only the first of the rows with equal cells in a column; each of the others becomes a defect."""
        repeated = self._repeated(column)
        left_out = {row.line for row in repeated}
        rows = tuple(row for row in self.rows if row.line not in left_out)
        return Table(self.path, rows, self.defects + self._defects(f"repeated {column} left out", repeated, column))

    def only(self, column: str, known: Sequence[str]) -> Table:
        """Only the rows with a known cell in a column; each of the others becomes a defect."""
        values = set(known)
        others = [row for row in self.rows if row[column] not in values]
        rows = tuple(row for row in self.rows if row[column] in values)
        return Table(self.path, rows, self.defects + self._defects(f"unknown {column} left out", others, column))

    def _repeated(self, column: str) -> list[Row]:
        first: dict[str, Row] = {}
        return [row for row in self.rows if first.setdefault(row[column], row) is not row]

    def _defects(self, what: str, rows: Sequence[Row], column: str = "") -> FileDefects:
        return FileDefects(tuple(FileDefect(what, f"{self.path}:{row.line}", column and row[column]) for row in rows))


def read_table(path: Path, columns: Sequence[str]) -> Table:
    """Read the named columns of a table; each malformed row becomes a defect.

    Args:
        path: A file in UTF-8.
        columns: Names in the order of a file without header line; other columns of a header are ignored.

    Raises:
        DataError: The file is missing, has another separator, or lacks a column.
    """
    lines = read_lines(path)
    separator, header = _sniff(path, lines, columns)
    names = [cell.strip() for cell in _cells(lines[0], separator)] if header else list(columns)
    missing = [name for name in columns if name not in names]
    if missing:
        raise DataError(f"{path} has no column {missing[0]!r}", f"it has {', '.join(names)}")
    rows, malformed = [], []
    for number, line in enumerate(lines[header:], 1 + header):
        cells = _cells(line, separator)
        row = Row(number, dict(zip(names, map(str.strip, cells), strict=False)))
        if len(cells) == len(names) and all(row[name] for name in columns):
            rows.append(row)
        elif any(cell.strip() for cell in cells):
            malformed.append(FileDefect("malformed row", f"{path}:{row.line}", separator.join(cells)[:60]))
    return Table(path, tuple(rows), FileDefects(tuple(malformed)))


def _cells(line: str, separator: str) -> list[str]:
    """Split one line; lines are split one by one so that an unclosed quotation mark affects only its own row."""
    try:
        if separator == ",":
            return next(csv.reader([line]), [])
        return next(csv.reader([line], delimiter=separator, quoting=csv.QUOTE_NONE), [])
    except csv.Error:
        return [line]


def _sniff(path: Path, lines: list[str], columns: Sequence[str]) -> tuple[str, bool]:
    """The separator, and whether the first line is a header, which contains at least one column name."""
    first = lines[0] if lines else ""
    split = {separator: [cell.strip() for cell in first.split(separator)] for separator in SEPARATORS}
    if len(columns) > 1:
        split = {separator: cells for separator, cells in split.items() if len(cells) > 1}
    for separator, cells in split.items():
        if set(cells) & set(columns):
            return separator, True
    for separator, cells in split.items():
        if len(cells) == len(columns):
            return separator, False
    raise DataError(
        f"{path}: expected {len(columns)} columns separated by {', '.join(SEPARATORS.values())}; "
        f"the first line is {first[:80]!r}",
        f"its columns should be {', '.join(columns)}",
    )


def read_names(path: Path) -> tuple[str, ...]:
    """Read a list of names, one per line; a TAB and what follows it are ignored.

    Raises:
        DataError: The file is missing or empty.
    """
    names = tuple(name for line in read_lines(path) if (name := line.partition("\t")[0].strip()))
    if not names:
        raise DataError(f"{path} is empty", "expected one name per line")
    return names


def read_lines(path: Path) -> list[str]:
    """Read the lines of a UTF-8 file.

    Raises:
        DataError: As ``read_text``.
    """
    return read_text(path).splitlines()


def read_text(path: Path) -> str:
    """Read a UTF-8 file.

    Raises:
        DataError: The file is missing, larger than 64 MiB, or not encoded in UTF-8.
    """
    try:
        return read_bounded(path, MOST).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path} is not encoded in UTF-8") from None
