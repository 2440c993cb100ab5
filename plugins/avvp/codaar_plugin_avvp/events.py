"""Tables of LLP: audio or video events with their times, and weak labels without times."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import attrs

from codaar_core.api import DataError
from codaar_core.features import FileDefect, FileDefects, Row, Table, read_table

SECONDS = 10
ID = 11  # characters of a YouTube id, which may start with - or _
NAME = re.compile(rf"[\w-]{{{ID}}}_\d+_\d+", re.ASCII)  # id, start and end


class Event(NamedTuple):
    """One event from second ``onset`` to second ``offset``, exclusive."""

    onset: int
    offset: int
    name: str


@attrs.frozen
class Annotation:
    """The events of one recording in one modality."""

    filename: str
    events: tuple[Event, ...]
    where: str = attrs.field(default="", eq=False)  # file and line

    @property
    def id(self) -> str:
        """Name of the feature files: the YouTube id."""
        return self.filename[:ID]


@attrs.frozen
class EventTable:
    """The rows of a table and its tolerated defects."""

    rows: tuple[Annotation, ...]
    defects: FileDefects


def read_events(path: Path, classes: Collection[str]) -> EventTable:
    """Read a table of events with one event per row or comma lists in a row, separated by TAB or comma.

    No row is left out: names other than ``ID_start_end``, events of no length and repeated events become defects.

    Args:
        path: Table with the columns ``filename``, ``onset``, ``offset`` and ``event_labels``.
        classes: Valid event names.

    Raises:
        DataError: The file is missing, or a row has an unknown event or an impossible time; file and line are named.
    """
    table = read_table(path, ("filename", "onset", "offset", "event_labels"))
    refuse_malformed(table)
    rows = tuple(_annotation(path, row, classes) for row in table)
    return EventTable(rows, FileDefects(tuple(_defects(rows))))


def refuse_malformed(table: Table) -> None:
    """Refuse a table with malformed rows.

    Raises:
        DataError: It names the first malformed row.
    """
    if table.defects:
        raise DataError(f"{table.defects.each[0]}", f"fetch {table.path.name} again")


def _annotation(path: Path, row: Row, classes: Collection[str]) -> Annotation:
    where = f"{path}:{row.line}"
    columns = [[cell.strip() for cell in row[name].split(",")] for name in ("onset", "offset", "event_labels")]
    if len(set(map(len, columns))) > 1:
        raise DataError(f"{where}: {' / '.join(row[n] for n in ('onset', 'offset', 'event_labels'))} differ in length")
    events = tuple(_event(where, classes, *cells) for cells in zip(*columns, strict=True))
    return Annotation(row["filename"], events, where)


def _event(where: str, classes: Collection[str], onset: str, offset: str, name: str) -> Event:
    if name not in classes:
        raise DataError(f"{where}: unknown event {name!r}", f"events are {', '.join(classes)}")
    for second in (onset, offset):
        if not (second.isdecimal() and int(second) <= SECONDS):
            raise DataError(f"{where}: {second!r} is not a whole second from 0 to {SECONDS}", "fetch the table again")
    return Event(int(onset), int(offset), name)


def _defects(rows: Iterable[Annotation]) -> Iterable[FileDefect]:
    seen = set()
    for row in rows:
        if not NAME.fullmatch(row.filename):
            yield FileDefect("name other than ID_start_end", row.where, row.filename)
        for event in row.events:
            if event.offset <= event.onset:
                yield FileDefect("event of no length", row.where, f"{event.onset} to {event.offset}, {event.name}")
            if (row.filename, event) in seen:
                yield FileDefect("repeated event", row.where, f"{row.filename}, {event.name}")
            seen.add((row.filename, event))


def repeated_recordings(rows: Iterable[Annotation]) -> FileDefects:
    """Rows that repeat the recording of an earlier row, in a table that should have one row per recording."""
    first: dict[str, Annotation] = {}
    again = [row for row in rows if first.setdefault(row.id, row) is not row]
    return FileDefects(tuple(FileDefect("repeated recording", row.where, row.filename) for row in again))


def by_recording(rows: Iterable[Annotation]) -> dict[str, Annotation]:
    """The events of all rows of each recording, by id in order of appearance."""
    events: dict[str, tuple[Event, ...]] = {}
    for row in rows:
        events[row.id] = (*events.get(row.id, ()), *row.events)
    return {id: Annotation(id, of_one) for id, of_one in events.items()}


def read_weak_labels(path: Path, classes: Collection[str]) -> dict[str, frozenset[str]]:
    """Read the events of each recording without modality or time, from ``filename`` and ``event_labels``.

    Raises:
        DataError: The file is missing, or an event is unknown.
    """
    table = read_table(path, ("filename", "event_labels"))
    refuse_malformed(table)
    labels = {}
    for row in table:
        names = frozenset(name.strip() for name in row["event_labels"].split(","))
        unknown = sorted(names - set(classes))
        if unknown:
            raise DataError(f"{path}:{row.line}: unknown event {unknown[0]!r}", f"events are {', '.join(classes)}")
        labels[row["filename"]] = names
    return labels


def compare_with_weak_labels(tables: Sequence[EventTable], weak: Mapping[str, frozenset[str]]) -> FileDefects:
    """Compare the audio and video events of recordings with the weak labels.

    Mistyped names are in no list. Events and weak labels were annotated independently and do not always agree.
    """
    occurring: dict[str, set[str]] = {}
    for row in chain.from_iterable(table.rows for table in tables):
        occurring.setdefault(row.filename, set()).update(event.name for event in row.events)
    unlisted = [FileDefect("recording in no list", name) for name in occurring if name not in weak]
    differing = [
        FileDefect("weak labels differ from events", name, ", ".join(sorted(weak[name] ^ events)))
        for name, events in occurring.items()
        if name in weak and weak[name] != events
    ]
    return FileDefects((*unlisted, *differing))
