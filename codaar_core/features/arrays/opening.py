"""From a path to the collection of arrays that is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from codaar_core.api.errors import DataError
from codaar_core.features.arrays.clip_arrays import ClipArrays
from codaar_core.features.arrays.files_of_clips import Hdf5Arrays, SafetensorsArrays, ZipArrays
from codaar_core.features.arrays.folder import WILDCARD, FolderArrays, PatternArrays
from codaar_core.features.arrays.parquet import ParquetArrays

FORMATS: dict[str, Callable[[Path], ClipArrays]] = {
    ".h5": Hdf5Arrays,
    ".hdf5": Hdf5Arrays,
    ".npz": ZipArrays,
    ".parquet": ParquetArrays,
    ".safetensors": SafetensorsArrays,
    ".zip": ZipArrays,
}


def open_clip_arrays(path: Path) -> ClipArrays:
    """Open a folder with one file per clip, a pattern with ``*`` of such files, or one file with the arrays of all.

    Nothing is read before the collection is used.

    Raises:
        DataError: The path has another suffix, or is missing.
    """
    if WILDCARD in str(path):
        return PatternArrays(path)
    if path.suffix in FORMATS and not path.is_dir():
        return FORMATS[path.suffix](path)
    if path.is_dir():
        return FolderArrays(path)
    if not path.exists():
        raise DataError(f"{path} is missing", "name a folder of feature files, a pattern with *, or one file")
    raise DataError(
        f"{path}: a file with suffix {path.suffix!r} does not hold the arrays of many clips",
        f"name a folder, a pattern with *, or a file with suffix {', '.join(FORMATS)}",
    )
