"""Reads the one array of a downloaded feature file."""

from __future__ import annotations

import io
import lzma
import tokenize
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from codaar_core.api.errors import DataError
from codaar_core.features.reading.unpickling import load_array

AGAIN = "fetch this file again"
UNZIP_FAILS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError)
H5_FAILS = (OSError, RuntimeError, KeyError, ValueError)
"""Exceptions that the libraries raise on damaged files, including undocumented ones."""


def read_array(path: Path) -> np.ndarray:
    """Read the one array of a ``.zip`` (with a pickle inside), ``.pkl``, ``.npy`` or ``.h5`` file.

    Raises:
        DataError: The file is missing, damaged, or of another format.
    """
    reader = READERS.get(path.suffix)
    if reader is None:
        raise DataError(
            f"{path}: feature files with suffix {path.suffix!r} cannot be read", f"known are {', '.join(READERS)}"
        )
    try:
        return reader(path)
    except FileNotFoundError:
        raise DataError(f"{path} is missing") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def read_zipped_pickle(path: Path) -> np.ndarray:
    """Read the pickle in a zip file: the last member with ".pkl" in its name, as in released loaders."""
    try:
        with zipfile.ZipFile(path) as archive:
            pickles = [name for name in archive.namelist() if ".pkl" in name]
            content = archive.read(pickles[-1]) if pickles else None
    except UNZIP_FAILS as error:
        raise DataError(f"{path} is no complete zip file: {error}", AGAIN) from error
    if content is None:
        raise DataError(f"{path}: there is no .pkl in this zip file", AGAIN)
    return load_array(content, str(path))


def read_pickle(path: Path) -> np.ndarray:
    """Read a pickled array."""
    return load_array(path.read_bytes(), str(path))


def read_npy(path: Path) -> np.ndarray:
    """Read an array that ``numpy.save`` wrote."""
    try:
        return np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
    except (ValueError, EOFError, tokenize.TokenError) as error:
        raise DataError(f"{path} is no .npy file of numbers: {error}", AGAIN) from error


def read_h5(path: Path, key: str | None = None) -> np.ndarray:
    """Read a dataset of an HDF5 file; without ``key``, its only one.

    Raises:
        DataError: The file is missing or damaged, lacks the dataset, or has several and no ``key`` is given.
    """
    import h5py

    if not path.is_file():
        raise DataError(f"{path} is missing")
    try:
        with h5py.File(path) as file:
            names: list[str] = []
            file.visititems(lambda name, each: names.append(name) if isinstance(each, h5py.Dataset) else None)
            wanted = key or (names[0] if len(names) == 1 else None)
            if wanted in names:
                return file[wanted][()]
    except PermissionError:
        raise DataError(f"{path} cannot be read: Permission denied") from None
    except H5_FAILS as error:
        raise DataError(f"{path} is no complete HDF5 file: {error}", AGAIN) from error
    expected = f"the dataset {key!r}" if key else "one dataset"
    raise DataError(f"{path}: expected {expected}, it has {', '.join(names) or 'none'}")


READERS: dict[str, Callable[[Path], np.ndarray]] = {
    ".zip": read_zipped_pickle,
    ".pkl": read_pickle,
    ".npy": read_npy,
    ".h5": read_h5,
}
