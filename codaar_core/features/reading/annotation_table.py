"""Annotation tables as they are found: separated by comma, TAB or &, with a header line or without."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from codaar_core.api.deprecation import renamed
from codaar_core.api.errors import DataError
from codaar_core.features.file_defects import NOTHING, FileDefect, FileDefects

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
    """The sound rows of a file, and what was found besides."""

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
        """The same rows; each that repeats a cell of an earlier one is a defect."""
        return attrs.evolve(self, defects=self.defects + self._defects(f"repeated {column}", self._repeated(column)))

    def without_repeated(self, column: str) -> Table:
        """Keep the first of the rows with an equal cell; each of the others is a defect."""
        repeated = self._repeated(column)
        left_out = {row.line for row in repeated}
        rows = tuple(row for row in self.rows if row.line not in left_out)
        return Table(self.path, rows, self.defects + self._defects(f"repeated {column} left out", repeated, column))

    def only(self, column: str, known: Sequence[str]) -> Table:
        """Keep the rows whose cell is known; each of the others is a defect."""
        known = set(known)
        others = [row for row in self.rows if row[column] not in known]
        rows = tuple(row for row in self.rows if row[column] in known)
        return Table(self.path, rows, self.defects + self._defects(f"unknown {column} left out", others, column))

    def _repeated(self, column: str) -> list[Row]:
        seen: set[str] = set()
        return [row for row in self.rows if row[column] in seen or seen.add(row[column])]

    def _defects(self, what: str, rows: Sequence[Row], column: str = "") -> FileDefects:
        return FileDefects(tuple(FileDefect(what, f"{self.path}:{row.line}", column and row[column]) for row in rows))


def read_table(path: Path, columns: Sequence[str]) -> Table:
    """Read the named columns of a table; of rows that do not fit, each is a defect.

    Args:
        path: A file in UTF-8.
        columns: In the order in which they stand where the file has no header line; others of a header are skipped.

    Raises:
        DataError: There is no such file, it is separated otherwise, or lacks a column.
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
    """Split one line: a quotation mark that nothing closes spoils its own row, and not all that follow."""
    quoting = csv.QUOTE_MINIMAL if separator == "," else csv.QUOTE_NONE
    try:
        return next(csv.reader([line], delimiter=separator, quoting=quoting), [])
    except csv.Error:
        return [line]


def _sniff(path: Path, lines: list[str], columns: Sequence[str]) -> tuple[str, bool]:
    """The separator, and whether the first line is a header: one that has a column's name."""
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
    """Read a list of names, one a line; of a line with a TAB in it, what stands before.

    Raises:
        DataError: There is no such file, or it is empty.
    """
    names = tuple(name for line in read_lines(path) if (name := line.partition("\t")[0].strip()))
    if not names:
        raise DataError(f"{path} is empty", "expected one name a line")
    return names


def read_lines(path: Path) -> list[str]:
    """Read a file of lines.

    Raises:
        DataError: There is no such file, or it is not in UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig").splitlines()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not encoded in UTF-8") from None
