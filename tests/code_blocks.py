"""The fenced blocks of a Markdown page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]


class Block(NamedTuple):
    """One fenced block."""

    page: Path
    line: int
    language: str
    name: str  # of the file it is to be saved as
    content: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """All blocks that name a language, in order."""
    found = re.finditer(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [Block(page, each.string[: each.start()].count("\n") + 2, each[1], each[2] or "", each[3]) for each in found]
