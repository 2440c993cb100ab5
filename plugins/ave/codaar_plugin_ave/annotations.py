"""AVE's ``Annotations.txt``: line i gives class and time of the event in row i of the feature files."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np

from codaar_core.api import DataError
from codaar_core.features import FileDefect, FileDefects, Row, read_table

SECONDS = 10
COLUMNS = ("Category", "VideoID", "Quality", "StartTime", "EndTime")
CLASSES = (
    "Church bell",
    "Male speech, man speaking",
    "Bark",
    "Fixed-wing aircraft, airplane",
    "Race car, auto racing",
    "Female speech, woman speaking",
    "Helicopter",
    "Violin, fiddle",
    "Flute",
    "Ukulele",
    "Frying (food)",
    "Truck",
    "Shofar",
    "Motorcycle",
    "Acoustic guitar",
    "Train horn",
    "Clock",
    "Banjo",
    "Goat",
    "Baby cry, infant cry",
    "Bus",
    "Chainsaw",
    "Cat",
    "Horse",
    "Toilet flush",
    "Rodents, rats, mice",
    "Accordion",
    "Mandolin",
)
"""In the order of the labels; background comes last."""


@attrs.frozen
class Annotations:
    """The clips of AVE with one event each."""

    path: Path
    ids: tuple[str, ...]  # of the recordings; several clips may have the same one
    classes: np.ndarray = attrs.field(eq=False)  # (clips,) int64
    start: np.ndarray = attrs.field(eq=False)  # (clips,) int64, first second of the event
    end: np.ndarray = attrs.field(eq=False)  # (clips,) int64, second after the event
    defects: FileDefects  # repeated recordings, events of no length

    def __len__(self) -> int:
        return len(self.ids)

    def labels(self) -> np.ndarray:
        """One-hot class or background of each second, (clips, 10, 29) float32, as in the released ``labels.h5``."""
        second = np.arange(SECONDS)
        inside = (self.start[:, None] <= second) & (second < self.end[:, None])
        label = np.where(inside, self.classes[:, None], len(CLASSES))
        return np.eye(len(CLASSES) + 1, dtype=np.float32)[label]


def read_annotations(path: Path) -> Annotations:
    """Read the table, with or without a header line.

    Raises:
        DataError: The file is missing or a line is malformed; no line can be left out, because lines number the clips.
    """
    table = read_table(path, COLUMNS)
    if table.defects:
        raise DataError(str(table.defects.each[0]), "fetch the file again: its lines number the clips")
    spans = [_span(path, row) for row in table]
    empty = [row for row, (start, end) in zip(table, spans, strict=True) if start >= end]
    defects = tuple(FileDefect("event of no length", f"{path}:{row.line}", row["VideoID"]) for row in empty)
    start, end = np.array(spans, dtype=np.int64).reshape(-1, 2).T
    return Annotations(
        path,
        ids=tuple(table.column("VideoID")),
        classes=np.array([_class(path, row) for row in table], dtype=np.int64),
        start=start,
        end=end,
        defects=table.reporting_repeated("VideoID").defects + FileDefects(defects),
    )


def _class(path: Path, row: Row) -> int:
    if row["Category"] not in CLASSES:
        raise DataError(f"{path}:{row.line}: AVE has no class {row['Category']!r}", f"it has {'; '.join(CLASSES)}")
    return CLASSES.index(row["Category"])


def _span(path: Path, row: Row) -> tuple[int, int]:
    times = row["StartTime"], row["EndTime"]
    if not all(time.isdecimal() and int(time) <= SECONDS for time in times):
        raise DataError(
            f"{path}:{row.line}: {' to '.join(times)} are not whole seconds from 0 to {SECONDS}", "fetch the file again"
        )
    return int(times[0]), int(times[1])
