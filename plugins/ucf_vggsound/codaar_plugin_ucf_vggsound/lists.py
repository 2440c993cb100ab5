"""The released lists: class of each clip of UCF101 and of VGGSound."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np

from codaar_core.api import DataError
from codaar_core.features import FileDefect, FileDefects, read_table


@attrs.frozen
class ClipList:
    """Clips of one data set with their classes."""

    ids: tuple[str, ...]
    labels: np.ndarray = attrs.field(eq=False)  # (clips,) int64
    defects: FileDefects

    def only(self, keep: Sequence[bool]) -> ClipList:
        """The clips for which ``keep`` is true."""
        chosen = np.flatnonzero(keep)
        return ClipList(tuple(self.ids[clip] for clip in chosen), self.labels[chosen], self.defects)


def read_list(path: Path, classes: Sequence[str]) -> ClipList:
    """Read a table with the columns ``category`` and ``video_id``; other columns are ignored.

    Repeated clips and clips of other categories are left out and recorded as defects, as are classes without a clip.

    Raises:
        DataError: The file is missing, lacks a column, or has a malformed row.
    """
    table = read_table(path, ("category", "video_id"))
    if table.defects:
        raise DataError(f"{table.defects.each[0]}", f"fetch {path.name} again")
    table = table.without_repeated("video_id").only("category", classes)
    categories = table.column("category")
    empty = tuple(FileDefect("class without a clip", str(path), name) for name in classes if name not in categories)
    labels = np.array([classes.index(name) for name in categories], dtype=np.int64)
    return ClipList(tuple(table.column("video_id")), labels, table.defects + FileDefects(empty))
