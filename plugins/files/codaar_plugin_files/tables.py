"""Tables of labels: one label or some numbers per clip, labels of spans of time."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import attrs

from codaar_core.api import DataError
from codaar_core.features import FileDefect, FileDefects, Row, Table, read_table

T = TypeVar("T")


@attrs.frozen
class Labels:
    """One label per clip."""

    of: Mapping[str, str]
    defects: FileDefects

    @property
    def classes(self) -> tuple[str, ...]:
        """All labels, in alphabetical order."""
        return tuple(sorted(set(self.of.values())))


@attrs.frozen
class Numbers:
    """Some numbers per clip."""

    columns: tuple[str, ...]
    of: Mapping[str, tuple[float, ...]]
    defects: FileDefects


@attrs.frozen
class Segment:
    """A label from ``start`` to ``end``, in seconds."""

    start: float
    end: float
    label: str
    modality: str  # empty: all
    line: int


@attrs.frozen
class Segments:
    """Labels of spans of time by clip."""

    path: Path
    of: Mapping[str, Sequence[Segment]]
    defects: FileDefects

    @property
    def classes(self) -> tuple[str, ...]:
        """All labels, in alphabetical order."""
        return tuple(sorted({segment.label for each in self.of.values() for segment in each}))


def read_labels(path: Path, column: str, known: Mapping[str, object]) -> Labels:
    """Read the table of one label per clip; labels of unknown clips and clips without label are defects.

    Raises:
        DataError: The table is missing, lacks a column, has a malformed row, or gives a clip two labels.
    """
    table = _strict(path, ("id", column))
    of, defects = _once(table, known, lambda row: row[column])
    return Labels(of, defects)


def read_numbers(path: Path, columns: Sequence[str], known: Mapping[str, object]) -> Numbers:
    """Read the table of numbers per clip; without ``columns``, all besides the id.

    Raises:
        DataError: As ``read_labels``, or a cell is not a finite number.
    """
    table = _strict(path, ("id", *columns))
    wanted = tuple(columns) or tuple(name for name in (table.rows[0].cells if table.rows else ()) if name != "id")
    if not wanted:
        raise DataError(f"{path} has no column of numbers", "write a header line id,NAME and one row per clip")
    of, defects = _once(table, known, lambda row: tuple(_number(path, row, name) for name in wanted))
    return Numbers(wanted, of, defects)


def read_segments(path: Path, known: Mapping[str, object], modalities: Sequence[str]) -> Segments:
    """Read the table id, start, end, label and, if there is one, modality; rows of unknown clips are defects.

    Raises:
        DataError: The table is missing, lacks a column, has a malformed row, a span that ends before it starts, or the
            name of a modality that the data do not have.
    """
    found: dict[str, list[Segment]] = defaultdict(list)
    unknown = []
    for row in _strict(path, ("id", "start", "end", "label")):
        segment = _segment(path, row, modalities)
        if row["id"] in known:
            found[row["id"]].append(segment)
        else:
            unknown.append(FileDefect("label of an unknown clip left out", f"{path}:{row.line}", row["id"]))
    return Segments(path, dict(found), FileDefects(tuple(unknown)))


def read_captions(path: Path, known: Mapping[str, object]) -> FileDefects:
    """Compare a table of captions id, text with the clips; several captions of one clip are allowed.

    Returns:
        Captions without clip and clips without caption.

    Raises:
        DataError: The table is missing, lacks a column or has a malformed row.
    """
    table = _strict(path, ("id", "text"))
    alone = [
        FileDefect("caption without clip", f"{path}:{row.line}", row["id"]) for row in table if row["id"] not in known
    ]
    return FileDefects((*alone, *_without(path, "clip without caption", known, set(table.column("id")))))


def _strict(path: Path, columns: Sequence[str]) -> Table:
    table = read_table(path, columns)
    if table.defects:
        raise DataError(str(table.defects.each[0]), f"each row needs {', '.join(columns)}; quote cells with commas")
    return table


def _once(table: Table, known: Mapping[str, object], value: Callable[[Row], T]) -> tuple[dict[str, T], FileDefects]:
    """The value of each known clip; a clip may be repeated with the same value only."""
    found: dict[str, T] = {}
    lines: dict[str, int] = {}
    defects = []
    for row in table:
        clip, where, given = row["id"], f"{table.path}:{row.line}", value(row)
        if clip not in known:
            defects.append(FileDefect("label of an unknown clip left out", where, clip))
        elif clip not in found:
            found[clip], lines[clip] = given, row.line
        elif found[clip] == given:
            defects.append(FileDefect("repeated id", where, clip))
        else:
            raise DataError(
                f"{where}: {clip!r} is {_shown(given)}, and {_shown(found[clip])} in line {lines[clip]}",
                "keep one row per clip",
            )
    return found, FileDefects((*defects, *_without(table.path, "clip without label", known, set(found))))


def _shown(value: object) -> str:
    return ", ".join(f"{number:g}" for number in value) if isinstance(value, tuple) else repr(value)


def _number(path: Path, row: Row, column: str) -> float:
    try:
        number = float(row[column])
    except (KeyError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise DataError(
            f"{path}:{row.line}: {column} is {row.cells.get(column, '')!r}, expected a finite number", "repair this row"
        )
    return number


def _segment(path: Path, row: Row, modalities: Sequence[str]) -> Segment:
    start, end, modality = _number(path, row, "start"), _number(path, row, "end"), row.cells.get("modality", "")
    if not 0 <= start < end:
        raise DataError(
            f"{path}:{row.line}: {row['id']!r} has a label from {start:g} s to {end:g} s",
            "times are seconds from the start of the clip, and the end is after the start",
        )
    if modality and modality not in modalities:
        raise DataError(f"{path}:{row.line}: unknown modality {modality!r}", f"the data have {', '.join(modalities)}")
    return Segment(start, end, row["label"], modality, row.line)


def _without(path: Path, what: str, known: Iterable[str], given: set[str]) -> list[FileDefect]:
    return [FileDefect(what, str(path), clip) for clip in known if clip not in given]
