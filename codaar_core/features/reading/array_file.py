"""Reads the one array of a downloaded feature file. Sizes are checked before memory is taken."""

from __future__ import annotations

import io
import lzma
import math
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from codaar_core.api.errors import DataError
from codaar_core.api.regular_file import open_regular as open_regular  # public in codaar_core.features
from codaar_core.api.regular_file import read_bounded, too_large
from codaar_core.features.reading.hdf5 import MOST, read_h5
from codaar_core.features.reading.unpickling import load_array

AGAIN = "fetch this file again"
PIECE = 1 << 16  # bytes unpacked at once
UNZIP_FAILS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError),
    *(RuntimeError, ValueError, KeyError, NotImplementedError, OverflowError, MemoryError),
)
"""Exceptions that the libraries raise on damaged files, including undocumented ones."""


def read_array(path: Path, most: int = MOST) -> np.ndarray:
    """Read the one array of a ``.zip`` (with a pickle inside), ``.pkl``, ``.npy`` or ``.h5`` file.

    Args:
        path: A regular file; its suffix says its format.
        most: Largest number of bytes of the file and of its array.

    Raises:
        DataError: The file is missing, damaged, of another format, too large, or its array has no numbers.
    """
    reader = READERS.get(path.suffix)
    if reader is None:
        raise DataError(
            f"{path}: feature files with suffix {path.suffix!r} cannot be read", f"known are {', '.join(READERS)}"
        )
    return reader(path, most)


def read_zipped_pickle(path: Path, most: int = MOST) -> np.ndarray:
    """Read the pickle in a zip file: the last member with ".pkl" in its name, as in released loaders."""
    with open_regular(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                pickles = [name for name in archive.namelist() if ".pkl" in name]
                content = _unpacked(archive, pickles[-1], most) if pickles else None
        except UNZIP_FAILS as error:
            raise DataError(f"{path} is no complete zip file: {error}", AGAIN) from error
    if content is None:
        raise DataError(f"{path}: there is no .pkl in this zip file", AGAIN)
    if len(content) > most:
        raise too_large(f"{path}: the .pkl in it", most)
    return load_array(content, str(path))


def _unpacked(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Content of a member in small pieces; more than ``most`` bytes if it is larger, whatever its header states."""
    content = bytearray()
    with archive.open(name) as member:
        while len(content) <= most and (piece := member.read(PIECE)):
            content += piece
    return bytes(content)


def read_pickle(path: Path, most: int = MOST) -> np.ndarray:
    """Read a pickled array."""
    return load_array(read_bounded(path, most), str(path))


def read_npy(path: Path, most: int = MOST) -> np.ndarray:
    """Read an array that ``numpy.save`` wrote."""
    content = read_bounded(path, most)
    try:
        return _npy_array(content)
    except Exception as error:  # numpy evaluates the header, which may raise any exception
        told = " ".join(f"{error}".split())[:200] or type(error).__name__
        raise DataError(f"{path} is no .npy file of numbers: {told}", AGAIN) from error


def _npy_array(content: bytes) -> np.ndarray:
    """The array of a file in version 1 or 2 of the format; version 3 is for arrays with fields."""
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    headers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in headers:
        raise ValueError(f"format version {version[0]}.{version[1]}")
    shape, fortran, dtype = headers[version](file)
    start = file.tell()
    if dtype.kind not in "fiub":
        raise ValueError(f"it has values of type {dtype}")
    if not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError("its shape has negative sizes")
    count = math.prod(shape)
    if count * dtype.itemsize > len(content) - start:
        raise ValueError(f"the shape {shape} of {dtype} needs more than its {len(content) - start:,} bytes")
    flat = np.frombuffer(bytearray(content), dtype, count, start) if count else np.empty(0, dtype)
    return flat.astype(dtype.newbyteorder("="), copy=False).reshape(shape, order="F" if fortran else "C")


READERS: dict[str, Callable[[Path, int], np.ndarray]] = {
    ".zip": read_zipped_pickle,
    ".pkl": read_pickle,
    ".npy": read_npy,
    ".h5": lambda path, most: read_h5(path, most=most),
}
