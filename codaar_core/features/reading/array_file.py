"""Reads the one array of a downloaded feature file. Sizes are checked before memory is taken."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from codaar_core.api.errors import DataError
from codaar_core.api.regular_file import open_regular as open_regular  # public in codaar_core.features
from codaar_core.api.regular_file import read_bounded, too_large
from codaar_core.features.reading.hdf5 import MOST, read_h5
from codaar_core.features.reading.npy import npy_array
from codaar_core.features.reading.safetensors_file import read_tensor, safetensors_index
from codaar_core.features.reading.unpickling import load_array
from codaar_core.features.reading.zip_members import read_member, zip_members

NPY = ".npy"
AGAIN = "fetch this file again"
PIECE = 1 << 16  # bytes unpacked at once
UNZIP_FAILS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError),
    *(RuntimeError, ValueError, KeyError, NotImplementedError, OverflowError, MemoryError),
)
"""Exceptions that the libraries raise on damaged files, including undocumented ones."""


def read_array(path: Path, most: int = MOST) -> np.ndarray:
    """Read the one array of a file: ``.npy``, ``.npz``, ``.h5``, ``.safetensors``, ``.pkl`` or ``.zip``.

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


def read_zip(path: Path, most: int = MOST) -> np.ndarray:
    """Read the pickle in a zip file: the last member with ".pkl" in its name, as in released loaders; else its .npy."""
    with open_regular(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                names = archive.namelist()
                pickles = [name for name in names if ".pkl" in name]
                content = _unpacked(archive, pickles[-1], most) if pickles else None
        except UNZIP_FAILS as error:
            raise DataError(f"{path} is no complete zip file: {error}", AGAIN) from error
    if content is None and not any(name.endswith(NPY) for name in names):
        raise DataError(f"{path}: there is no .pkl in this zip file", AGAIN)
    if content is None:
        return read_npz(path, most)
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
    return _npy_array(read_bounded(path, most), str(path))


def read_npz(path: Path, most: int = MOST) -> np.ndarray:
    """Read the only array of a file that ``numpy.savez`` wrote."""
    members = zip_members(path, NPY)
    _refuse_several(path, list(members))
    ((name, member),) = members.items()
    return _npy_array(read_member(path, name, member, most), f"{path}: {name[:80]!r}")


def read_safetensors(path: Path, most: int = MOST) -> np.ndarray:
    """Read the only tensor of a .safetensors file."""
    tensors = safetensors_index(path)
    _refuse_several(path, list(tensors))
    ((name, tensor),) = tensors.items()
    return read_tensor(path, name, tensor, most)


def _refuse_several(path: Path, names: list[str]) -> None:
    if len(names) != 1:
        has = ", ".join(name[:40] for name in names[:5]) or "none"
        raise DataError(f"{path}: expected one array, it has {len(names):,}: {has}", "write one array a file")


def _npy_array(content: bytes, where: str) -> np.ndarray:
    try:
        return npy_array(content)
    except Exception as error:  # numpy evaluates the header, which may raise any exception
        told = " ".join(f"{error}".split())[:200] or type(error).__name__
        raise DataError(f"{where} is no .npy file of numbers: {told}", AGAIN) from error


READERS: dict[str, Callable[[Path, int], np.ndarray]] = {
    ".zip": read_zip,
    ".pkl": read_pickle,
    ".npy": read_npy,
    ".npz": read_npz,
    ".safetensors": read_safetensors,
    ".h5": lambda path, most: read_h5(path, most=most),
}
