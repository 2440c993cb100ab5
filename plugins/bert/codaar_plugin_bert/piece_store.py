"""Caches of computed word pieces: in memory, or in files that several processes may share."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from codaar_core.api import DataError
from codaar_plugin_bert.frozen_bert import Pieces

if TYPE_CHECKING:
    import h5py


class PieceStore(Protocol):
    """A cache of the pieces of texts."""

    def missing(self, texts: Sequence[str]) -> list[str]:
        """The distinct texts that are not stored, in order."""

    def add(self, pieces: Mapping[str, Pieces]) -> None:
        """Store the pieces of some texts."""

    def read(self, texts: Sequence[str]) -> list[Pieces]:
        """Give the pieces of stored texts."""


class Memory:
    """Stores pieces in memory."""

    def __init__(self) -> None:
        self.pieces: dict[str, Pieces] = {}

    def missing(self, texts: Sequence[str]) -> list[str]:
        """The distinct texts that are not stored, in order."""
        return [text for text in dict.fromkeys(texts) if text not in self.pieces]

    def add(self, pieces: Mapping[str, Pieces]) -> None:
        """Store the pieces of some texts."""
        self.pieces |= pieces

    def read(self, texts: Sequence[str]) -> list[Pieces]:
        """Give the pieces of stored texts."""
        return [self.pieces[text] for text in texts]


class PieceRange(NamedTuple):
    """Rows of one text in a file of pieces, ``start`` to ``stop``."""

    shard: Path
    start: int
    stop: int


class Shards:
    """Stores pieces in HDF5 files whose names are hashes of their texts.

    A file is written aside and renamed, and never changed: processes that compute the same texts at the same time write
    the same file and need no lock. Texts are identified by their hashes.

    Args:
        folder: Created on first writing. Its name must identify everything else that the vectors depend on.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ranges: dict[bytes, PieceRange] = {}
        self.known: set[Path] = set()

    def missing(self, texts: Sequence[str]) -> list[str]:
        """The distinct texts that are not stored, in order; finds files that other processes have written."""
        if any(_hash(text) not in self.ranges for text in texts):
            self._find_new_files()
        return [text for text in dict.fromkeys(texts) if _hash(text) not in self.ranges]

    def add(self, pieces: Mapping[str, Pieces]) -> None:
        """Write a new file of pieces."""
        hashes = [_hash(text) for text in pieces]
        name = hashlib.sha256(b"".join(hashes)).hexdigest()
        with _appearing(self.folder / f"{name}.h5") as file:
            file["hashes"] = np.frombuffer(b"".join(hashes), np.uint8).reshape(len(hashes), -1)
            file["lengths"] = [len(each.tokens) for each in pieces.values()]
            file["tokens"] = np.concatenate([each.tokens for each in pieces.values()])
            file["vectors"] = np.concatenate([each.vectors for each in pieces.values()])
        self._find_new_files()

    def read(self, texts: Sequence[str]) -> list[Pieces]:
        """Give the pieces of stored texts; each file is opened once."""
        ranges = [self.ranges[_hash(text)] for text in texts]
        found: dict[PieceRange, Pieces] = {}
        for shard in {each.shard for each in ranges}:
            with _opened(shard) as file:
                for place in {each for each in ranges if each.shard == shard}:
                    rows = slice(place.start, place.stop)
                    found[place] = Pieces(file["tokens"][rows], file["vectors"][rows])
        return [found[each] for each in ranges]

    def _find_new_files(self) -> None:
        for shard in sorted(set(self.folder.glob("*.h5")) - self.known):
            with _opened(shard) as file:
                hashes, stops = file["hashes"][()], np.cumsum(file["lengths"][()])
            starts = [0, *stops[:-1]]
            for each, start, stop in zip(hashes, starts, stops, strict=True):
                self.ranges[each.tobytes()] = PieceRange(shard, int(start), int(stop))
            self.known.add(shard)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


@contextmanager
def _appearing(path: Path) -> Iterator[h5py.File]:
    """Write aside, and rename when complete."""
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, suffix=".part")
    os.close(handle)
    try:
        with h5py.File(aside, "w") as file:
            yield file
        os.replace(aside, path)
    except OSError as error:
        raise DataError(
            f"{path} cannot be written: {error}", "free disk space, or name another folder as cache"
        ) from error
    finally:
        Path(aside).unlink(missing_ok=True)


@contextmanager
def _opened(shard: Path) -> Iterator[h5py.File]:
    import h5py

    try:
        with h5py.File(shard) as file:
            yield file
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{shard} is damaged: {error}", "delete this file: it will be computed again") from error
