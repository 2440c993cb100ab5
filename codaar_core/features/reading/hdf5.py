"""Reads datasets of numbers from HDF5 files of strangers."""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from codaar_core.api.errors import DataError
from codaar_core.api.regular_file import refuse_special_file, too_large

MOST = 1 << 28  # bytes of an array, unless a reader states another bound
MOST_OBJECTS = 10_000  # groups and datasets that are looked at
DEEPEST = 16  # levels of groups
FLETCHER = 4  # bytes of the checksum that HDF5 may append to a chunk
H5_FAILS = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, OverflowError, MemoryError)
"""Exceptions that h5py raises on damaged files, including undocumented ones."""


def read_h5(path: Path, key: str | None = None, most: int = MOST) -> np.ndarray:
    """Read a dataset of an HDF5 file; without ``key``, its only one.

    Args:
        path: A regular file.
        key: Path of the dataset in the file.
        most: Largest number of bytes of the dataset.

    Raises:
        DataError: The file is missing or damaged, lacks the dataset, or has several and no ``key`` is given; or the
            dataset has no numbers, is too large, or is stored in other files.
    """
    import h5py

    refuse_special_file(path)
    try:
        with h5py.File(path, "r") as file:
            datasets = datasets_of(file)
            wanted = key or (next(iter(datasets)) if len(datasets) == 1 else None)
            if wanted in datasets:
                return dataset_values(path, datasets[wanted], most)
    except PermissionError:
        raise DataError(f"{path} cannot be read: Permission denied") from None
    except H5_FAILS as error:
        raise DataError(f"{path} is no complete HDF5 file: {one_line(error)}", "fetch this file again") from error
    expected = f"the dataset {key!r}" if key else "one dataset"
    raise DataError(f"{path}: expected {expected}, it has {', '.join(list(datasets)[:10])[:300] or 'none'}")


def one_line(error: BaseException) -> str:
    """The message of an exception on one line, shortened."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def datasets_of(file: Any) -> dict[str, Any]:
    """All datasets by path, found without recursion; links to other places or files are not followed.

    Raises:
        ValueError: Groups are nested too deeply, or there are too many objects.
    """
    import h5py

    found, left, seen = {}, [("", file, 0)], 0
    while left:
        prefix, group, depth = left.pop()
        for name in group:
            seen += 1
            if seen > MOST_OBJECTS or depth > DEEPEST:
                raise ValueError(f"more than {MOST_OBJECTS:,} objects, or groups in more than {DEEPEST} levels")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            each = group[name]
            if isinstance(each, h5py.Dataset):
                found[prefix + name] = each
            elif isinstance(each, h5py.Group):
                left.append((f"{prefix}{name}/", each, depth + 1))
    return found


def refuse_foreign_storage(path: Path, dataset: Any) -> None:
    """Refuse a dataset whose values are in other files: reading it could open any file of this computer.

    Raises:
        DataError: It is virtual, or has external storage.
    """
    if dataset.is_virtual or dataset.id.get_create_plist().get_external_count():
        raise DataError(
            f"{path}: {dataset.name!r} is stored in other files, which are not read", "store it in this one"
        )


def dataset_values(path: Path, dataset: Any, most: int) -> np.ndarray:
    """Read a dataset of numbers of an open file.

    Raises:
        DataError: It has no numbers, is larger than ``most`` bytes, or is stored in other files.
    """
    refuse_foreign_storage(path, dataset)
    if dataset.shape is None:
        raise DataError(f"{path}: {dataset.name!r} is empty, expected an array")
    if dataset.dtype.kind not in "fiub":
        raise DataError(f"{path}: {dataset.name!r} has values of type {dataset.dtype}, expected numbers")
    size = dataset.dtype.itemsize
    if math.prod(dataset.shape) * size > most or math.prod(dataset.chunks or ()) * size > most:
        raise too_large(f"{path}: {dataset.name!r}", most)
    _refuse_oversized_chunks(path, dataset)
    values: np.ndarray = dataset[()]
    return np.asarray(values, values.dtype.newbyteorder("="))


def _refuse_oversized_chunks(path: Path, dataset: Any) -> None:
    """Refuse gzip chunks that unpack to more than a chunk, because HDF5 enlarges its buffer until all is unpacked."""
    if dataset.compression != "gzip":
        return
    most = math.prod(dataset.chunks) * dataset.dtype.itemsize
    for number in range(dataset.id.get_num_chunks()):
        info = dataset.id.get_chunk_info(number)
        if info.size > 2 * most + (1 << 16):
            raise too_large(f"{path}: chunk {number} of {dataset.name!r}", most)
        mask, packed = dataset.id.read_direct_chunk(info.chunk_offset)
        try:
            unpacked = zlib.decompressobj().decompress(packed, most + FLETCHER + 1)
        except zlib.error as error:
            if mask:  # gzip was left out, because the chunk would not become smaller
                continue
            raise ValueError(f"chunk {number} of {dataset.name!r}: {error}") from error
        if len(unpacked) > most + FLETCHER:
            raise too_large(f"{path}: chunk {number} of {dataset.name!r}", most)
