"""Opens files of users and strangers: only regular files, and never more bytes than expected."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from codaar_core.api.errors import DataError

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def refuse_special_file(path: Path) -> None:
    """Refuse a path that is no regular file; it is not opened, because opening a named pipe blocks.

    Raises:
        DataError: The path is missing, not accessible, or a folder, pipe, socket or device.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise DataError(f"{path} is missing") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # a NUL character
        raise DataError(f"{str(path)!r} is not a valid path: {error}") from error
    if not stat.S_ISREG(mode):
        raise DataError(f"{path} is {KINDS.get(stat.S_IFMT(mode), 'a special file')}, expected a file")


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading.

    Raises:
        DataError: As ``refuse_special_file``, or the file may not be read.
    """
    refuse_special_file(path)
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise DataError(f"{path} is missing") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def read_bounded(path: Path, most: int) -> bytes:
    """Read a whole file of at most ``most`` bytes.

    Raises:
        DataError: As ``open_regular``, or the file is larger.
    """
    with open_regular(path) as file:
        try:
            content = file.read(most + 1) if os.fstat(file.fileno()).st_size <= most else None
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    if content is None or len(content) > most:
        raise too_large(path, most)
    return content


def too_large(what: Path | str, most: int) -> DataError:
    """The error about content of more than ``most`` bytes."""
    return DataError(f"{what} is larger than the {most:,} bytes that it may have", "check where this file comes from")
