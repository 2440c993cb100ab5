"""The clips of AVE with one of LLP's events: their rows in AVE's files, recordings and labels."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import attrs
import numpy as np
from codaar_plugin_ave.annotations import CLASSES, Annotations
from codaar_plugin_ave.files import differing_labels

from codaar_core.api import DataError
from codaar_core.features import FileDefects, read_h5
from codaar_plugin_avvp.classes import IN_AVE
from codaar_plugin_avvp.events import SECONDS

LABELS = "ave_avvp_labels.h5"
ORDER = "ave_avvp_order.h5"
COLUMNS = [CLASSES.index(name) for name in IN_AVE.values()]


@attrs.frozen
class AveClips:
    """Some clips of AVE."""

    rows: np.ndarray = attrs.field(eq=False)  # (clips,) int64, rows of AVE's feature files
    ids: tuple[str, ...]  # of the recordings; several clips may have the same one
    labels: np.ndarray = attrs.field(eq=False)  # (clips, 10, 13) float32
    defects: FileDefects = FileDefects()  # labels that differ from the annotations

    def of(self, recordings: Collection[str]) -> AveClips:
        """The clips of some recordings."""
        chosen = [clip for clip, id in enumerate(self.ids) if id in recordings]
        return AveClips(self.rows[chosen], tuple(self.ids[clip] for clip in chosen), self.labels[chosen], self.defects)


def shared_clips(annotations: Annotations, tables: Path) -> AveClips:
    """Select the clips of the twelve shared classes, with a label for every second.

    Released label files are read if they exist; otherwise clips and labels follow from AVE's annotations, which gives
    the same result.

    Args:
        annotations: Annotations of all clips of AVE.
        tables: Folder of the released label files.

    Raises:
        DataError: A label file is damaged or does not match the annotations.
    """
    annotated = annotations.labels()[..., [*COLUMNS, -1]]
    known = np.flatnonzero(np.isin(annotations.classes, COLUMNS))
    if not (tables / ORDER).is_file() or not (tables / LABELS).is_file():
        rows, labels = known, annotated
    else:
        rows, labels = read_h5(tables / ORDER, "order"), read_h5(tables / LABELS, "avadataset").astype(np.float32)
        if not np.isin(rows, known).all():
            raise DataError(f"{tables / ORDER} does not match {annotations.path}", "take both from the same release")
    expected = len(annotations), SECONDS, len(COLUMNS) + 1
    if labels.shape != expected:
        raise DataError(
            f"{tables / LABELS}: expected the shape {expected}, found {labels.shape}", "fetch this file again"
        )
    differing = rows[(labels[rows] != annotated[rows]).any((1, 2))]
    defects = differing_labels(tables / LABELS, differing, len(rows), annotations)
    return AveClips(rows, tuple(annotations.ids[row] for row in rows), labels[rows], defects)
