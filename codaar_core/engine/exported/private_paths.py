"""Keeps paths of the exporting machine out of the files of an exported model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

import attrs

POSIX = r"(?<![\w.:/\-])(?:file://)?/(?:[^\s/'\"<>`]+/)+[^\s/'\"<>`,;:)\]]*"
WINDOWS = r"(?<!\w)[A-Za-z]:[\\/](?:[^\s\\/'\"<>`]+[\\/])*[^\s\\/'\"<>`,;:)\]]*"


def is_absolute(value: Any) -> bool:
    """Whether a value is a path that begins at the root of a file system, or in a home folder."""
    if not isinstance(value, str):
        return False
    return value.startswith(("/", "~", "file:/")) or PureWindowsPath(value).is_absolute()


def absolute_paths(values: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """All absolute paths inside nested tables and lists, each with the place where it stands, e.g. ``data.root``."""
    if isinstance(values, Mapping):
        for name, each in values.items():
            yield from absolute_paths(each, f"{path}.{name}" if path else str(name))
    elif isinstance(values, (list, tuple)):
        for each in values:
            yield from absolute_paths(each, path)
    elif is_absolute(values):
        yield path, values


@attrs.frozen
class PathRemover:
    """Replaces absolute paths in texts by their last part: ``/home/me/features`` becomes ``features``.

    Attributes:
        known: Paths of this machine, which are found even if they have spaces in them.
    """

    known: tuple[str, ...] = attrs.field(converter=lambda paths: tuple(sorted(set(paths), key=len, reverse=True)))

    @classmethod
    def of(cls, paths: Iterable[Path | str]) -> PathRemover:
        """Know these paths, the working folder and the home folder."""
        found = [Path(each).expanduser().absolute() for each in (*paths, Path.cwd(), Path.home())]
        return cls(str(path) for each in found for path in (each, each.resolve()) if len(each.parts) > 1)

    def cleaned(self, string: str) -> str:
        """A string without absolute paths."""
        return re.sub(f"{POSIX}|{WINDOWS}", self._last_part, self.known_in(string))

    def known_in(self, string: str) -> str:
        """A string without the known paths and what is below them; for code, where ``/`` has other meanings too."""
        for path in self.known:
            string = re.sub(rf"{re.escape(path)}(?![\w.\-])(?:/[^\s/'\"<>`,;:)\]]+)*", self._last_part, string)
        return string

    def values(self, values: Any) -> Any:
        """Nested tables and lists without absolute paths in any string or key."""
        if isinstance(values, Mapping):
            return {self.values(name): self.values(each) for name, each in values.items()}
        if isinstance(values, (list, tuple)):
            return [self.values(each) for each in values]
        return self.cleaned(values) if isinstance(values, str) else values

    @staticmethod
    def _last_part(found: re.Match[str]) -> str:
        return re.split(r"[\\/]", found[0].rstrip("\\/"))[-1]
