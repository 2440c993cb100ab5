"""Layout of a packed split: HDF5 with contiguous columns, which a reader maps into memory directly.

Columns: ``inputs/M`` (clips, T, *shape), ``masks/M`` (clips, T), ``targets/M`` (clips, ...), ``given`` (clips, ...),
``ids`` (clips,), ``state`` (clips,): 0 not written, 1 present, 2 unreadable; and ``sha256`` (clips, 32) of the content
of each clip. Row i is clip i of the packed split.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from codaar_core.api.errors import DataError
from codaar_core.features.reading.array_file import H5_FAILS

FORMAT = 1
MARK = "codaar_packed"  # the attribute that holds the format
HEADER = "header"
STATE, DIGEST, IDS = "state", "sha256", "ids"
UNREAD, THERE, BAD = 0, 1, 2
PAGE = 4096


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


@attrs.frozen
class Header:
    """Facts about a packed split besides its columns."""

    origin: str
    licence: str
    extraction: Mapping[str, str]
    benchmark: str = ""  # full name, if the clips are those of a benchmark
    mode: str = ""  # evaluation mode of a benchmark; each mode has other clips
    named: bool = True  # whether the clips have names; if not, ``ids`` are their numbers
    notes: Sequence[str] = attrs.field(default=(), converter=_texts)  # notes of the packed split


@attrs.frozen
class Column:
    """Position and type of a column."""

    name: str
    shape: tuple[int, ...]  # the first axis is the clip
    dtype: np.dtype
    offset: int = 0

    @property
    def size(self) -> int:
        """Bytes per clip."""
        return self.dtype.itemsize * int(np.prod(self.shape[1:], dtype=np.int64))

    @property
    def bytes(self) -> int:
        """Bytes of the column."""
        return self.size * self.shape[0]

    def mapped(self, path: Path) -> np.ndarray:
        """The column as a read-only map of the file."""
        return np.memmap(path, self.dtype, "r", self.offset, self.shape)


@attrs.frozen
class Layout:
    """Header and columns of a packed file."""

    header: Header
    columns: Mapping[str, Column]

    @property
    def clips(self) -> int:
        """Number of rows of each column."""
        return self.columns[STATE].shape[0]

    @property
    def content(self) -> list[Column]:
        """The columns with the content of clips, in the order in which the checksum covers them."""
        return [column for name, column in sorted(self.columns.items()) if name not in (STATE, DIGEST, IDS)]

    def named(self, group: str) -> dict[str, Column]:
        """The columns of a group, by the part of their names after the slash."""
        return {name.partition("/")[2]: column for name, column in self.columns.items() if name.startswith(f"{group}/")}


def create(path: Path, header: Header, columns: list[Column]) -> None:
    """Write a file with space for all columns and without content."""
    import h5py

    with h5py.File(path, "w", alignment_threshold=1, alignment_interval=PAGE) as file:
        file.attrs[MARK] = FORMAT
        file.attrs[HEADER] = json.dumps(attrs.asdict(header))
        for column in columns:
            file.create_dataset(column.name, column.shape, column.dtype, dcpl=_contiguous())


def _contiguous() -> Any:
    """Properties of a contiguous dataset whose space is reserved when it is created."""
    import h5py

    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.CONTIGUOUS)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    return properties


def read_layout(path: Path) -> Layout:
    """Read header and columns of a packed file; the file is closed again.

    Raises:
        DataError: The file is missing, damaged, or no packed split of this format.
    """
    import h5py

    if not path.is_file():
        raise DataError(f"{path} is missing", "`codaar data pack RECIPE --to FOLDER` writes it")
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get(MARK) != FORMAT:
                found = f"format {file.attrs[MARK]}" if MARK in file.attrs else "no packed split"
                raise DataError(f"{path} is {found}, expected format {FORMAT}", "pack it again")
            columns: dict[str, Column] = {}
            file.visititems(lambda name, each: columns.update(_column(name, each)))
            return Layout(Header(**json.loads(file.attrs[HEADER])), columns)
    except PermissionError:
        raise DataError(f"{path} cannot be read: Permission denied") from None
    except H5_FAILS as error:
        raise DataError(f"{path} is no complete packed file: {error}", "remove it and pack again") from error


def _column(name: str, dataset: Any) -> dict[str, Column]:
    if not hasattr(dataset, "shape"):
        return {}
    return {name: Column(name, dataset.shape, dataset.dtype, dataset.id.get_offset())}
