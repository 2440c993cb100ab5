"""Segment labels: the seconds in which a clip's class is visible and audible."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np

from codaar_core.api import DataError
from codaar_core.features import absent_files, feature_file, read_array

SECONDS = 10


@attrs.frozen
class SegmentLabels:
    """One file per clip with ten zeros and ones, read as (10, classes + 1); the last column is background."""

    folder: Path
    ids: Sequence[str] = attrs.field(repr=False)
    classes: Sequence[int] = attrs.field(repr=False)  # of the clips
    width: int  # number of classes

    def read(self, clip: int) -> np.ndarray:
        """Read the labels of a clip."""
        path = feature_file(self.folder, self.ids[clip])
        present = as_seconds(read_array(path), path)
        labels = np.zeros((SECONDS, self.width + 1), np.float32)
        labels[:, self.classes[clip]] = present
        labels[:, -1] = 1 - present
        return labels

    def absent(self) -> list[Path]:
        """Files that do not exist."""
        return absent_files(self.folder, self.ids)


def as_seconds(values: np.ndarray, path: Path) -> np.ndarray:
    """Reshape (10,), (1, 10) or (10, 1), which differ between releases, to (10,) float32.

    Raises:
        DataError: The shape is another one, or there are values other than zero and one.
    """
    if values.shape not in ((SECONDS,), (1, SECONDS), (SECONDS, 1)):
        raise DataError(f"{path}: expected ten labels, it has the shape {values.shape}")
    if not np.isin(values, (0, 1)).all():
        raise DataError(f"{path}: expected zeros and ones, it has {values.min():g} to {values.max():g}")
    return values.reshape(SECONDS).astype(np.float32)
