"""Files that are written completely or not at all, and their checksums."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codaar_core.api.errors import CodaarError

ROOM = "make room, or write to another folder"
BLOCK = 1 << 22  # bytes read at once for a checksum


def write_whole(path: Path, content: str | bytes, help: str = ROOM) -> None:
    """Write a file so that a reader, a crash or a full disk never leaves half of it; a string is written as UTF-8.

    Raises:
        CodaarError: It cannot be written; a file that was there before is unchanged.
    """
    with written_aside(path, help) as aside:
        aside.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


@contextmanager
def written_aside(path: Path, help: str = ROOM) -> Iterator[Path]:
    """Give a temporary path beside ``path`` for one file or folder; flush it to disk and rename it at the end.

    Whatever fails, the temporary file or folder is removed and an earlier ``path`` stays.

    Args:
        path: Final name; its parent folder must exist. A file there is replaced, and so is a folder by a folder.
        help: What a user can do when it cannot be written.

    Raises:
        CodaarError: The disk is full or the folder is not writable: every ``OSError`` of the body or of the renaming.
    """
    aside = path.with_name(f".{path.name}.partial")
    with writing(path, help):
        try:
            _remove(aside)  # left by a process that was killed
            yield aside
            for part in (*aside.rglob("*"), aside):
                _flush(part)
            if aside.is_dir():
                _remove(path)  # a folder cannot be renamed over another one
            aside.replace(path)
            _flush(path.parent)
        finally:
            _remove(aside)


@contextmanager
def writing(path: Path, help: str = ROOM) -> Iterator[None]:
    """Turn an ``OSError`` of the body into an error that names the file.

    Raises:
        CodaarError: "cannot write PATH: REASON".
    """
    try:
        yield
    except OSError as error:
        raise CodaarError(f"cannot write {path}: {error.strerror or error}", help) from error


def sha256_of(path: Path) -> str:
    """SHA-256 of the content of a file, as 64 hexadecimal characters."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
