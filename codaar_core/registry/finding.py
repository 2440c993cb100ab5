"""Finding: what a check of the installation or of the index has to say, on one line."""

from __future__ import annotations

from typing import Literal

import attrs


@attrs.frozen
class Finding:
    """One thing that was looked at."""

    state: Literal["good", "note", "broken"]
    message: str
    help: str = ""  # what to do

    def __str__(self) -> str:
        return f"{self.message}; {self.help}" if self.help else self.message
