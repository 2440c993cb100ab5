"""Origin: the file and line of a value of a recipe."""

from __future__ import annotations

import attrs

COMMAND_LINE = "command line"


@attrs.frozen
class Source:
    """A recipe file, or one ``-o``."""

    name: str  # the path as the user gave it, or "command line"
    lines: tuple[str, ...] = attrs.field(repr=False)

    @property
    def is_file(self) -> bool:
        """Whether it is a file, so that line numbers are useful."""
        return self.name != COMMAND_LINE


@attrs.frozen
class Origin:
    """A range of characters in one line of a source; lines and columns count from 1."""

    source: Source
    line: int
    column: int
    width: int = 0  # 0: the whole file

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}" if self.source.is_file else self.source.name

    @property
    def place(self) -> str:
        """``file:line:column``, or "command line"."""
        return f"{self}:{self.column}" if self.source.is_file else self.source.name
