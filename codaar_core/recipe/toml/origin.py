"""Origin: where a value of a recipe is written."""

from __future__ import annotations

import attrs

COMMAND_LINE = "command line"


@attrs.frozen
class Source:
    """Something that was read: a recipe file, or one ``-o``."""

    name: str  # the path as the user sees it, or "command line"
    lines: tuple[str, ...] = attrs.field(repr=False)

    @property
    def is_file(self) -> bool:
        """Whether there is a line number worth telling."""
        return self.name != COMMAND_LINE


@attrs.frozen
class Origin:
    """A stretch of one line of a source. Lines and columns count from 1."""

    source: Source
    line: int
    column: int
    width: int = 0  # 0: the file as a whole is meant

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}" if self.source.is_file else self.source.name

    @property
    def place(self) -> str:
        """``file:line:column``, or "command line"."""
        return f"{self}:{self.column}" if self.source.is_file else self.source.name
