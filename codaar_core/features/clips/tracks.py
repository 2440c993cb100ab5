"""Sources of one modality of a split: one file per clip, or rows of a table in memory."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

import attrs
import numpy as np

from codaar_core.api import DataError, Space
from codaar_core.features.clips.clip_shape import channels_last, fit_length, refuse_other_values, refuse_unusable
from codaar_core.features.reading.array_file import read_array

CLIPS = 50  # a file may be this many times longer than a clip, because longer clips are cut off
STEPS = 10  # of a clip, for the bound on sizes of spaces without a length
FLOAT64 = 8  # bytes
SUFFIXES = (".zip", ".npy", ".npz", ".h5", ".safetensors")  # of files with the features of one clip


class Track(Protocol):
    """Features or labels of every clip in one modality.

    A track of features whose clips have different numbers of steps has an attribute ``lengths_vary = True``: packing
    then reads the clips an additional time to find the longest.
    """

    def read(self, clip: int) -> np.ndarray:
        """Read one clip: (T, *shape) for features, with T = 0 where the clip has none; labels of one shape.

        Raises:
            DataError: The file cannot be read; the message names it.
        """

    def absent(self) -> list[Path]:
        """Files that do not exist."""


@attrs.frozen
class FileTrack:
    """Features in one file per clip, ``folder/ID.zip`` or with another suffix of ``SUFFIXES``, as (T, *shape) floats.

    In a space of a fixed length, shorter clips repeat their last row and longer ones are cut off; in a space without
    length, clips keep their own number of steps. float64 becomes float32.
    """

    folder: Path
    ids: Sequence[str] = attrs.field(repr=False)
    space: Space
    suffix: str = ".zip"  # that is looked for first
    channels: Literal["last", "first"] = "last"  # position of the channel axis in the files
    quantised: bool = False  # whether features rounded to eight bits are accepted
    made_by: str | None = None  # tag of the extractor; after one that ends in "-relu" no value is negative

    @property
    def lengths_vary(self) -> bool:
        """Whether clips keep their own number of steps."""
        return self.space.length is None

    def path(self, clip: int) -> Path:
        """The file of a clip; see ``feature_file``."""
        return feature_file(self.folder, self.ids[clip], self.suffix)

    @property
    def most(self) -> int:
        """Largest number of bytes of a file: fifty clips of this space as float64, or 64 MiB if that is more."""
        steps = self.space.length or STEPS
        return max(1 << 26, CLIPS * steps * math.prod(self.space.shape) * FLOAT64)

    def read(self, clip: int) -> np.ndarray:
        """Read, check and repair one clip."""
        path = self.path(clip)
        values = read_array(path, self.most)
        if self.channels == "first" and values.ndim > 2:
            values = channels_last(values)
        refuse_unusable(values, self.space.shape, path)
        refuse_other_values(values, self.made_by, self.quantised, path)
        values = fit_length(values, self.space.length or len(values))
        return np.ascontiguousarray(values, values.dtype if values.dtype in (np.float16, np.float32) else np.float32)

    def absent(self) -> list[Path]:
        """Files that do not exist, found by one listing of the folder: faster than a check of each file."""
        return absent_files(self.folder, self.ids, self.suffix)


def feature_file(folder: Path, name: str, suffix: str = ".zip") -> Path:
    """The file of a clip: ``NAME.zip`` as released or, where there is none, ``NAME.npy`` or another of ``SUFFIXES``.

    Args:
        folder: Folder of the files.
        name: Name of the clip.
        suffix: Suffix that is looked for first.

    Returns:
        Its path; with ``suffix`` if there is no file at all.

    Raises:
        DataError: There are several files of other suffixes.
    """
    first = folder / f"{name}{suffix}"
    if first.is_file():
        return first
    others = [path for each in SUFFIXES if (path := folder / f"{name}{each}").is_file()]
    if len(others) > 1:
        raise DataError(f"{others[0]} and {others[1]} are two files of the clip {name!r}", "keep one of them")
    return others[0] if others else first


def absent_files(folder: Path, names: Sequence[str], suffix: str = ".zip") -> list[Path]:
    """Files of clips that do not exist with any suffix, found by one listing of each folder: names may have ``/``."""
    suffixes = dict.fromkeys((suffix, *SUFFIXES))
    listings: dict[str, set[str]] = {}
    absent = []
    for name in names:
        place, _, stem = name.rpartition("/")
        if place not in listings:
            listings[place] = set(os.listdir(folder / place)) if (folder / place).is_dir() else set()
        if not any(f"{stem}{each}" in listings[place] for each in suffixes):
            absent.append(folder / f"{name}{suffix}")
    return absent


@attrs.frozen
class RowTrack:
    """Rows of a small table in memory, for content that many clips share."""

    table: np.ndarray = attrs.field(eq=False, repr=False)  # (rows, ...)
    rows: np.ndarray = attrs.field(eq=False, repr=False)  # (clips,) int64

    def read(self, clip: int) -> np.ndarray:
        """The row of a clip."""
        return self.table[self.rows[clip]]

    def absent(self) -> list[Path]:
        """No file can be missing."""
        return []
