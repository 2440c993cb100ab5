"""The file of ``codaar encode``: parts that survive a killed process, put together as one HDF5 file.

A part holds the codes of up to 1,000 clips and is written completely or not at all, to the folder ``FILE.partial``.
When all parts are there, they are copied one by one into ``FILE``, which gets its name when it is complete; then they
are removed.

Layout: a group for each modality with ``ids`` (N,), ``indices`` (N, T) int32, ``mask`` (N, T): True where the time step
is real, ``times`` (T,): start of each time step in seconds; on request ``latents`` (N, T, D), ``vectors`` (N, T, D) and
``distances`` (N, T, K). At masked steps all values are zero.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, TextIO

import attrs
import numpy as np

from codaar_core.api import DataError
from codaar_core.features.files import write_whole, writing, written_aside

FORMAT = 1
MARK = "codaar_codes"  # the attribute that holds the format
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
        written = json.dumps(record, indent=1)
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


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}", f"remove {path.parent} and start again") from error


def put_together(
    parts: Parts,
    groups: Sequence[Mapping[str, Mapping[str, Any]]],
    facts: Mapping[str, Any],
    seconds: float,
    file: Path,
    jsonl: Path | None,
) -> None:
    """Write the file, and the JSONL file if there is one; memory holds one part at a time.

    Args:
        parts: All parts.
        groups: For each source, the attributes of each modality.
        facts: Attributes of the file.
        seconds: Length of a time step.
        file: The HDF5 file.
        jsonl: File with one line for each clip and modality; None: not written.
    """
    import h5py

    with written_aside(file, ROOM) as aside, h5py.File(aside, "w") as h5:
        h5.attrs.update({MARK: FORMAT, **facts})
        for number, group in enumerate(groups):
            for modality, attributes in group.items():
                _write_modality(h5.create_group(modality), parts, number, modality, attributes, seconds)
        if jsonl is not None:
            with written_aside(jsonl, ROOM) as lines, lines.open("w", encoding="utf-8") as output:
                for modality in h5:
                    _write_lines(output, modality, h5[modality])


def _write_modality(
    group: Any, parts: Parts, number: int, modality: str, attributes: Mapping[str, Any], seconds: float
) -> None:
    """Copy one modality of all parts of a source into a group."""
    import h5py

    group.attrs.update(attributes)
    shapes = [arrays[f"{modality}/indices"].shape for arrays in parts.read(number) if len(arrays["ids"])]
    clips, steps = sum(shape[0] for shape in shapes), max((shape[1] for shape in shapes), default=0)
    group.create_dataset("ids", (clips,), h5py.string_dtype())
    group["times"] = np.arange(steps) * seconds
    start = 0
    for arrays in parts.read(number):
        end = start + len(arrays["ids"])
        if start == end:
            continue
        group["ids"][start:end] = arrays["ids"].astype(object)
        for name in (name for name in arrays if name.startswith(f"{modality}/")):
            values, column = arrays[name], name.removeprefix(f"{modality}/")
            if column not in group:
                group.create_dataset(column, (clips, steps, *values.shape[2:]), values.dtype)
            group[column][start:end, : values.shape[1]] = values
        start = end


def _write_lines(output: TextIO, modality: str, group: Any) -> None:
    """One line for each clip, with the real time steps only."""
    times = group["times"][:]
    for start in range(0, len(group["ids"]), 1000):
        rows = slice(start, start + 1000)
        ids = group["ids"].asstr()[rows]
        for id, indices, mask in zip(ids, group["indices"][rows], group["mask"][rows], strict=True):
            line = {"id": id, "modality": modality, "indices": indices[mask].tolist(), "times": times[mask].tolist()}
            output.write(json.dumps(line, ensure_ascii=False) + "\n")
