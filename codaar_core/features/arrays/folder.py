"""One file per clip: the files of a folder, or those that match a pattern."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from codaar_core.api.errors import DataError
from codaar_core.api.regular_file import open_regular
from codaar_core.features.arrays.clip_arrays import MOST, ClipArrays
from codaar_core.features.reading.array_file import READERS, read_array
from codaar_core.features.reading.npy import HEADER, npy_shape

WILDCARD = "*"


class FileArrays(ClipArrays):
    """Files with one array each."""

    def where(self, name: str) -> str:
        """Path of the file."""
        return str(self.entries[name])

    def read(self, name: str, most: int = MOST) -> np.ndarray:
        """Read the file of a clip."""
        return read_array(self.entries[name], most)

    def shape(self, name: str, most: int = MOST) -> tuple[int, ...]:
        """Shape of the array of a clip; only the header of a ``.npy`` file is read."""
        path = self.entries[name]
        if path.suffix != ".npy":
            return super().shape(name, most)
        with open_regular(path) as file:
            beginning = file.read(HEADER)
        try:
            return npy_shape(beginning)
        except Exception:  # numpy evaluates the header, which may raise any exception
            return super().shape(name, most)  # raises the error that names the file

    def _unique(self, named: Iterator[tuple[str, Path]]) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for name, path in named:
            other = found.setdefault(name, path)
            if other != path:
                raise DataError(
                    f"{other} and {path} are two files of the clip {name!r}", "keep one of them, or rename one"
                )
        if not found:
            raise DataError(f"{self.path} has no feature file", f"one file a clip, with suffix {', '.join(READERS)}")
        return found


class FolderArrays(FileArrays):
    """The feature files of a folder; the name of a clip is that of its file without the suffix.

    Hidden files, subfolders and files of other kinds are ignored.
    """

    def _listed(self) -> Mapping[str, Path]:
        try:
            with os.scandir(self.path) as listing:
                names = sorted(entry.name for entry in listing)
        except OSError as error:
            raise DataError(f"{self.path} cannot be listed: {error.strerror}", "name a folder of features") from error
        split = ((*os.path.splitext(name), name) for name in names if not name.startswith("."))
        return self._unique((stem, self.path / name) for stem, suffix, name in split if suffix in READERS)


class PatternArrays(FileArrays):
    """Files that match a pattern such as ``features/*/clip-*.npy``; ``*`` matches any part of a name.

    The name of a clip is what the wildcards match, joined by ``/``; a suffix that a wildcard matches is left out.
    """

    def _listed(self) -> Mapping[str, Path]:
        pattern = str(self.path)
        if "**" in pattern or any(special in pattern for special in "?["):
            raise DataError(f"{pattern}: only single * are understood in a pattern", "write * for a part of a name")
        matcher = re.compile("([^/]*)".join(map(re.escape, pattern.split(WILDCARD))))
        paths = sorted(path for path in _matching(pattern) if path.suffix in READERS)
        return self._unique((_name(matcher, path), path) for path in paths)


def _matching(pattern: str) -> Iterator[Path]:
    """Files that match; hidden ones are ignored."""
    from glob import iglob

    return (path for path in map(Path, iglob(pattern)) if path.is_file())


def _name(matcher: re.Pattern[str], path: Path) -> str:
    found = matcher.fullmatch(str(path))
    assert found is not None  # it was found by the same pattern
    parts = list(found.groups())
    if found.end(len(parts)) == len(str(path)):
        parts[-1] = parts[-1].removesuffix(path.suffix)
    return "/".join(parts)
