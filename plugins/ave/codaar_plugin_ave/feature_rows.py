"""Features of AVE's clips: rows of an HDF5 file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from codaar_core.api import DataError, Space
from codaar_core.features import refuse_other_values, refuse_unusable

KEY = "avadataset"


@attrs.frozen
class FeatureRows:
    """Rows of a file in any order, read one by one: the video file has 8 GB, and HDF5 requires sorted indices."""

    path: Path
    rows: np.ndarray = attrs.field(eq=False, repr=False)  # (clips,) int64
    space: Space
    quantised: bool = False  # whether features rounded to eight bits are accepted
    made_by: str | None = None  # tag of the extractor

    def read(self, clip: int) -> np.ndarray:
        """Read and check one clip: (T, *shape) float32."""
        row = int(self.rows[clip])
        where = self.path / KEY / str(row)
        with self._opened() as dataset:
            values = dataset[row]
        refuse_unusable(values, self.space.shape, where)
        refuse_other_values(values, self.made_by, self.quantised, where)
        return values.astype(np.float32)

    def absent(self) -> list[Path]:
        """The file once per clip if it does not exist."""
        return [] if self.path.is_file() else [self.path] * len(self.rows)

    def refuse_other_shape(self, clips: int) -> None:
        """Refuse a file with another shape or number of clips.

        Raises:
            DataError: The file is missing, damaged, or has another shape.
        """
        expected = (clips, self.space.length, *self.space.shape)
        with self._opened() as dataset:
            found = dataset.shape
        if found != expected:
            raise DataError(
                f"{self.path}: expected the shape {expected}, it has {found}",
                "take Annotations.txt and features of the same release, and pretrain on features of the same shape",
            )

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """The dataset with all rows."""
        import h5py

        if not self.path.is_file():
            raise DataError(f"{self.path} is missing")
        try:
            with h5py.File(self.path) as file:
                if KEY not in file:
                    raise DataError(f"{self.path}: expected the dataset {KEY!r}, it has {', '.join(file) or 'none'}")
                yield file[KEY]
        except PermissionError:
            raise DataError(f"{self.path} cannot be read: Permission denied") from None
        except (OSError, RuntimeError, KeyError, ValueError) as error:  # what h5py raises on damaged files
            raise DataError(f"{self.path} is no complete HDF5 file: {error}", "fetch this file again") from error
