"""The released lists: which clips of UCF101 and of VGGSound show, or sound like, which class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np

from codaar_core.api import DataError
from codaar_core.features import FileDefect, FileDefects, read_table


@attrs.frozen
class ClipList:
    """Clips of one data set."""

    ids: tuple[str, ...]
    labels: np.ndarray = attrs.field(eq=False)  # (clips,) int64
    defects: FileDefects

    def only(self, keep: Sequence[bool]) -> ClipList:
        """Keep some of the clips."""
        chosen = np.flatnonzero(keep)
        return ClipList(tuple(self.ids[clip] for clip in chosen), self.labels[chosen], self.defects)


def read_list(path: Path, classes: Sequence[str]) -> ClipList:
    """Read ``category,video_id``; further columns are not looked at.

    Repeated clips and those of other categories are left out; they, and classes without any clip, are defects.

    Raises:
        DataError: There is no such file, it lacks a column, or has a damaged row.
    """
    table = read_table(path, ("category", "video_id"))
    if table.defects:
        raise DataError(f"{table.defects.each[0]}", f"fetch {path.name} once more")
    table = table.without_repeated("video_id").only("category", classes)
    categories = table.column("category")
    empty = tuple(FileDefect("class without a clip", str(path), name) for name in classes if name not in categories)
    labels = np.array([classes.index(name) for name in categories], dtype=np.int64)
    return ClipList(tuple(table.column("video_id")), labels, table.defects + FileDefects(empty))
