"""The searched side: one modality of one or several files of codes, as one sequence of clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from codaar_core.engine.data.codes_file import Codes, CodesFile, EncodedModality

ROWS = 10_000  # ids read at once
CLIPS = 2000  # clips compared at once


class Gallery:
    """The clips of one modality of all files that have it.

    Args:
        files: Open files.
        modality: The modality.

    Attributes:
        modality: The modality.
        parts: The modality in each file that has it.
        starts: Position of the first clip of each part, and the number of all clips.
    """

    def __init__(self, files: Sequence[CodesFile], modality: str) -> None:
        self.modality = modality
        self.parts: list[EncodedModality] = [each.modalities[modality] for each in files if modality in each.modalities]
        self.starts = np.concatenate([[0], np.cumsum([part.clips for part in self.parts])]).astype(np.int64)

    def __len__(self) -> int:
        return int(self.starts[-1])

    def chunks(self) -> Iterator[tuple[EncodedModality, int, Codes]]:
        """Part, position of the first clip, and codes of some clips."""
        for part, start in zip(self.parts, self.starts, strict=False):
            for codes in part.chunks(CLIPS):
                yield part, int(start) + codes.start, codes

    def find(self, positions: np.ndarray) -> dict[int, tuple[str, Path]]:
        """Id and file of the clips at some positions."""
        found: dict[int, tuple[str, Path]] = {}
        wanted = np.unique(positions)
        for number, part in enumerate(self.parts):
            here = wanted[(wanted >= self.starts[number]) & (wanted < self.starts[number + 1])] - self.starts[number]
            for start in np.unique(here // ROWS) * ROWS:
                rows = here[(here >= start) & (here < start + ROWS)]
                ids = part.ids(int(start), int(min(start + ROWS, part.clips)))
                found |= {int(self.starts[number] + row): (ids[row - start], part.file) for row in rows}
        return found

    def rows_of(self, id: str) -> list[Codes]:
        """The clips with an id, one by one."""
        rows = [
            (part, start + row)
            for part in self.parts
            for start in range(0, part.clips, ROWS)
            for row, each in enumerate(part.ids(start, min(start + ROWS, part.clips)))
            if each == id
        ]
        return [part.read(row, row + 1) for part, row in rows]
