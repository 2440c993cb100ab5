"""Tables of LLP: which events are heard, or seen, from when to when, and which occur at all."""

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
ID = 11  # letters of a YouTube id; it may start with - or _
NAME = re.compile(rf"[\w-]{{{ID}}}_\d+_\d+", re.ASCII)  # id, start and end


class Event(NamedTuple):
    """One event; from whole second ``onset`` up to, but without, ``offset``."""

    onset: int
    offset: int
    name: str


@attrs.frozen
class Annotation:
    """What happens in one recording, in one modality."""

    filename: str
    events: tuple[Event, ...]
    where: str = attrs.field(default="", eq=False)  # file and line

    @property
    def id(self) -> str:
        """Name of the feature files: the YouTube id."""
        return self.filename[:ID]


@attrs.frozen
class EventTable:
    """The rows of a table, and what was found besides."""

    rows: tuple[Annotation, ...]
    defects: FileDefects


def read_events(path: Path, classes: Collection[str]) -> EventTable:
    """Read a table of events; all its forms: one event a row, or comma lists; TAB or comma between cells.

    Nothing is left out: names that are no ``ID_start_end``, events of no length and repetitions are defects.

    Args:
        path: With the columns ``filename``, ``onset``, ``offset`` and ``event_labels``.
        classes: Names that an event may have.

    Raises:
        DataError: No such file, or a row of it says something impossible; file and line are named.
    """
    table = read_table(path, ("filename", "onset", "offset", "event_labels"))
    refuse_malformed(table)
    rows = tuple(_annotation(path, row, classes) for row in table)
    return EventTable(rows, FileDefects(tuple(_oddities(rows))))


def refuse_malformed(table: Table) -> None:
    """Refuse a table with rows that have too few or too many cells.

    Raises:
        DataError: It names the first.
    """
    if table.defects:
        raise DataError(f"{table.defects.each[0]}", f"fetch {table.path.name} once more")


def _annotation(path: Path, row: Row, classes: Collection[str]) -> Annotation:
    where = f"{path}:{row.line}"
    columns = [[cell.strip() for cell in row[name].split(",")] for name in ("onset", "offset", "event_labels")]
    if len(set(map(len, columns))) > 1:
        raise DataError(f"{where}: {' / '.join(row[n] for n in ('onset', 'offset', 'event_labels'))} differ in length")
    events = tuple(_event(where, classes, *cells) for cells in zip(*columns, strict=True))
    return Annotation(row["filename"], events, where)


def _event(where: str, classes: Collection[str], onset: str, offset: str, name: str) -> Event:
    if name not in classes:
        raise DataError(f"{where}: there is no event {name!r}", f"events are {', '.join(classes)}")
    for second in (onset, offset):
        if not (second.isdecimal() and int(second) <= SECONDS):
            raise DataError(f"{where}: {second!r} is no whole second from 0 to {SECONDS}")
    return Event(int(onset), int(offset), name)


def _oddities(rows: Iterable[Annotation]) -> Iterable[FileDefect]:
    seen = set()
    for row in rows:
        if not NAME.fullmatch(row.filename):
            yield FileDefect("name that is no id_start_end", row.where, row.filename)
        for event in row.events:
            if event.offset <= event.onset:
                yield FileDefect("event of no length", row.where, f"{event.onset} to {event.offset}, {event.name}")
            if (row.filename, event) in seen:
                yield FileDefect("repeated event", row.where, f"{row.filename}, {event.name}")
            seen.add((row.filename, event))


def repeated_recordings(rows: Iterable[Annotation]) -> FileDefects:
    """Rows of a recording that an earlier row is of; only where a table should have one row a recording."""
    first: dict[str, Annotation] = {}
    again = [row for row in rows if first.setdefault(row.id, row) is not row]
    return FileDefects(tuple(FileDefect("repeated recording", row.where, row.filename) for row in again))


def by_recording(rows: Iterable[Annotation]) -> dict[str, Annotation]:
    """Join the rows of each recording, by id, in order of appearance."""
    events: dict[str, tuple[Event, ...]] = {}
    for row in rows:
        events[row.id] = (*events.get(row.id, ()), *row.events)
    return {id: Annotation(id, of_one) for id, of_one in events.items()}


def read_weak_labels(path: Path, classes: Collection[str]) -> dict[str, frozenset[str]]:
    """Read which events occur in a recording, whatever the modality and second: ``filename``, ``event_labels``.

    Raises:
        DataError: No such file, or an event has no such name.
    """
    table = read_table(path, ("filename", "event_labels"))
    refuse_malformed(table)
    labels = {}
    for row in table:
        names = frozenset(name.strip() for name in row["event_labels"].split(","))
        unknown = sorted(names - set(classes))
        if unknown:
            raise DataError(f"{path}:{row.line}: there is no event {unknown[0]!r}", f"events are {', '.join(classes)}")
        labels[row["filename"]] = names
    return labels


def compare_with_weak_labels(tables: Sequence[EventTable], weak: Mapping[str, frozenset[str]]) -> FileDefects:
    """Compare the events of recordings, heard or seen, with the lists of weak labels.

    Mistyped names are in no list. Events and weak labels were collected apart and do not always agree.
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
