"""Parts of a file of codes: each is written completely or not at all, so a killed command continues from them.

A part holds the codes of up to 1,000 clips. When all parts are in the folder ``FILE.partial``, they are copied one by
one into ``FILE``, which gets its name when it is complete; then they are removed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from codaar_core.api import DataError
from codaar_core.features.files import write_whole, writing

PART = 1000  # clips whose codes are kept or lost together when the process is killed
RECORD = "record.json"
ROOM = "make room, or choose another file; clips encoded so far are kept, and the same command continues from there"

Arrays = Mapping[str, np.ndarray]


@attrs.frozen
class Parts:
    """The folder of the parts of one file.

    Attributes:
        folder: The folder.
    """

    folder: Path

    @classmethod
    def of(cls, file: Path) -> Parts:
        """The parts of a file."""
        return cls(file.with_name(f"{file.name}.partial"))

    def begin(self, record: Mapping[str, Any]) -> None:
        """Make the folder, or continue one with the same record.

        Args:
            record: Everything that determines the codes, as JSON values.

        Raises:
            DataError: The folder was made with another record; names what differs.
        """
        written = json.dumps({**record, "part": PART}, indent=1)
        path = self.folder / RECORD
        if not path.is_file():
            with writing(self.folder, ROOM):
                self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, written, ROOM)
            return
        before = _json(path)
        for key, value in json.loads(written).items():
            if before.get(key) != value:
                raise DataError(
                    f"{self.folder} has codes with {key} = {before.get(key)!r}, now it is {value!r}",
                    f"remove {self.folder}, or write to another file",
                )

    def path(self, group: int, start: int) -> Path:
        """The file of the clips of a source from ``start`` on."""
        return self.folder / f"{group}-{start:09d}.npz"

    def write(self, group: int, start: int, arrays: Arrays) -> None:
        """Write one part."""
        content = BytesIO()
        np.savez(content, allow_pickle=False, **arrays)
        write_whole(self.path(group, start), content.getvalue(), ROOM)

    def read(self, group: int) -> Iterator[Arrays]:
        """The parts of a source in order; arrays are read when they are accessed."""
        for path in sorted(self.folder.glob(f"{group}-*.npz")):
            with np.load(path, allow_pickle=False) as arrays:
                yield arrays

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def part_ranges(clips: int) -> list[range]:
    """The clips of each part of a source."""
    return [range(start, min(start + PART, clips)) for start in range(0, clips, PART)]


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}", f"remove {path.parent} and start again") from error
