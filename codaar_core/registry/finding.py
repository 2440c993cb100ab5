"""Finding: the result of one check of the installation or of the index, on one line."""

from __future__ import annotations

from typing import Literal

import attrs


@attrs.frozen
class Finding:
    """The result of one check."""

    state: Literal["good", "note", "broken"]
    message: str
    help: str = ""  # what to do

    def __str__(self) -> str:
        return f"{self.message}; {self.help}" if self.help else self.message
