"""Segment labels: in which seconds a clip's class is seen and heard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np

from codaar_core.api import DataError, Space
from codaar_core.features import FileTrack, read_array

SECONDS = 10


@attrs.frozen
class SegmentLabels:
    """One file a clip with ten zeros and ones, as (10, classes + 1): class, or background in the last column."""

    folder: Path
    ids: Sequence[str] = attrs.field(repr=False)
    classes: Sequence[int] = attrs.field(repr=False)  # of the clips
    width: int  # number of classes

    def read(self, clip: int) -> np.ndarray:
        """Read the labels of a clip."""
        path = self.folder / f"{self.ids[clip]}.zip"
        present = as_seconds(read_array(path), path)
        labels = np.zeros((SECONDS, self.width + 1), np.float32)
        labels[:, self.classes[clip]] = present
        labels[:, -1] = 1 - present
        return labels

    def absent(self) -> list[Path]:
        """The files that are not there."""
        return FileTrack(self.folder, self.ids, Space(())).absent()


def as_seconds(values: np.ndarray, path: Path) -> np.ndarray:
    """Read (10,), (1, 10) and (10, 1) alike: releases differ.

    Raises:
        DataError: It is another shape, or holds anything but zeros and ones.
    """
    if values.shape not in ((SECONDS,), (1, SECONDS), (SECONDS, 1)):
        raise DataError(f"{path}: expected ten labels, it has the shape {values.shape}")
    if not np.isin(values, (0, 1)).all():
        raise DataError(f"{path}: expected zeros and ones, it has {values.min():g} to {values.max():g}")
    return values.reshape(SECONDS).astype(np.float32)
