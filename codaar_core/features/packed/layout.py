"""Layout of a packed split: HDF5 with contiguous columns, which a reader maps into memory directly.

Columns: ``inputs/M`` (clips, T, *shape), ``masks/M`` (clips, T), ``targets/M`` (clips, ...), ``given`` (clips, ...),
``ids`` (clips,), ``state`` (clips,): 0 not written, 1 present, 2 unreadable; and ``sha256`` (clips, 32) of the content
of each clip. Row i is clip i of the packed split.

Format 2: the checksum of a clip covers its id and the name, type and content of each column. In format 1, which is read
too, it covers the content only.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from codaar_core.api.errors import DataError
from codaar_core.api.regular_file import refuse_special_file
from codaar_core.features.reading.hdf5 import H5_FAILS, datasets_of, one_line, refuse_foreign_storage

FORMAT = 2  # that is written
FORMATS = (1, FORMAT)  # that are read
MARK = "codaar_packed"  # the attribute that holds the format
HEADER = "header"
STATE, DIGEST, IDS = "state", "sha256", "ids"
UNREAD, THERE, BAD = 0, 1, 2
PAGE = 4096
AGAIN = "remove it and pack again"


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
        return self.dtype.itemsize * math.prod(self.shape[1:])

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
    format: int = FORMAT

    @property
    def covers_ids(self) -> bool:
        """Whether the checksum of a clip covers its id."""
        return self.format > 1

    def digest(self, id: bytes, content: Mapping[str, np.ndarray]) -> bytes:
        """Checksum of a clip.

        Args:
            id: Its name as stored.
            content: Its part of each column of ``content``, by name.
        """
        digest = hashlib.sha256(len(id).to_bytes(8, "little") + id if self.covers_ids else b"")
        for column in self.content:
            if self.covers_ids:
                digest.update(f"{column.name} {column.dtype.str} {column.shape[1:]}\n".encode())
            digest.update(np.ascontiguousarray(content[column.name]).data)
        return digest.digest()

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

    All of it is checked here, so that columns can be mapped into memory: their names, types, shapes, and that each is
    one uncompressed piece of this file.

    Raises:
        DataError: The file is missing, damaged, or no packed split of this format.
    """
    import h5py

    if not path.exists():
        raise DataError(f"{path} is missing", "`codaar data pack RECIPE --to FOLDER` writes it")
    refuse_special_file(path)
    try:
        with h5py.File(path, "r") as file:
            format = _format_of(path, file)
            header = _header_of(path, file.attrs[HEADER])
            columns = {name: _column(path, name, each) for name, each in datasets_of(file).items()}
    except PermissionError:
        raise DataError(f"{path} cannot be read: Permission denied") from None
    except H5_FAILS as error:
        raise DataError(f"{path} is no complete packed file: {one_line(error)}", AGAIN) from error
    _check_columns(path, columns)
    return Layout(header, columns, format)


def _format_of(path: Path, file: Any) -> int:
    format = file.attrs.get(MARK)
    if format is None or np.ndim(format) or np.asarray(format).dtype.kind not in "iu" or format not in FORMATS:
        found = "no packed split" if format is None else f"format {str(format)[:20]}"
        raise DataError(f"{path} is {found}, expected format {FORMAT}", "pack it again")
    return int(format)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_table(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


HEADER_KEYS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "origin": (_is_text, "a string"),
    "licence": (_is_text, "a string"),
    "extraction": (_is_table, "strings by modality"),
    "benchmark": (_is_text, "a string"),
    "mode": (_is_text, "a string"),
    "named": (_is_flag, "true or false"),
    "notes": (_is_texts, "a list of strings"),
}


def _header_of(path: Path, written: object) -> Header:
    """The header, after a check of its keys and the types of their values."""
    header = json.loads(written) if isinstance(written, (str, bytes)) else None
    if not isinstance(header, dict):
        raise DataError(f"{path}: its header is no JSON object", AGAIN)
    for key, value in header.items():
        if key not in HEADER_KEYS:
            raise DataError(f"{path}: unknown key {key[:60]!r} in its header", "update CoDAAR, or pack it again")
        fits, expected = HEADER_KEYS[key]
        if not fits(value):
            raise DataError(f"{path}: {key!r} in its header is not {expected}", AGAIN)
    for field in attrs.fields(Header):
        if field.default is attrs.NOTHING and field.name not in header:
            raise DataError(f"{path}: its header has no {field.name!r}", AGAIN)
    return Header(**header)


def _column(path: Path, name: str, dataset: Any) -> Column:
    """Position of a column, after a check that its values are one piece of this file.

    Raises:
        DataError: The dataset is stored in another way, as after ``h5repack``, or reaches beyond the end of the file.
    """
    import h5py

    refuse_foreign_storage(path, dataset)
    properties, dtype = dataset.id.get_create_plist(), dataset.dtype
    if not dataset.shape:
        raise DataError(f"{path}: {name[:60]!r} has no axis of clips", AGAIN)
    if dtype.kind not in ("S" if name == IDS else "fiub") or not dtype.isnative or not dtype.itemsize:
        expected = "strings of fixed length" if name == IDS else "numbers in the byte order of this computer"
        raise DataError(f"{path}: {name[:60]!r} has values of type {dtype}, expected {expected}"[:300], AGAIN)
    offset = dataset.id.get_offset()
    if properties.get_layout() != h5py.h5d.CONTIGUOUS or properties.get_nfilters() or offset is None:
        raise DataError(f"{path}: {name[:60]!r} is compressed, in chunks or without content", AGAIN)
    column = Column(name, dataset.shape, np.dtype(dtype.str), offset)
    if offset + column.bytes > path.stat().st_size:
        raise DataError(f"{path} is shorter than its header states: {name[:60]!r} reaches beyond its end", AGAIN)
    return column


def _check_columns(path: Path, columns: Mapping[str, Column]) -> None:
    """Refuse missing and unknown columns, and those of another type or shape.

    Raises:
        DataError: It names the first such column.
    """
    if STATE not in columns:
        raise DataError(f"{path} has no column {STATE!r}", AGAIN)
    clips = columns[STATE].shape[0]
    inputs = {name.partition("/")[2] for name in columns if name.startswith("inputs/")}
    needed = [IDS, DIGEST, *(f"masks/{modality}" for modality in inputs)]
    lacking = [name for name in needed if name not in columns] or ([] if inputs else ["inputs"])
    if lacking:
        raise DataError(f"{path} has no column {lacking[0][:60]!r}", AGAIN)
    for name, column in columns.items():
        if not _fits(column, clips, columns):
            raise DataError(f"{path}: column {name[:60]!r} has the wrong type {column.dtype} {column.shape}", AGAIN)


def _fits(column: Column, clips: int, columns: Mapping[str, Column]) -> bool:
    """Whether type and shape of a column are those that ``pack_split`` writes."""
    group, _, modality = column.name.partition("/")
    dtype, shape = column.dtype, column.shape
    if not shape or shape[0] != clips or not column.bytes or "/" in modality:
        return False
    if group == "inputs":
        return bool(modality) and dtype in (np.float16, np.float32) and len(shape) > 1
    if group == "masks":
        values = columns.get(f"inputs/{modality}")
        return values is not None and dtype == np.uint8 and shape == values.shape[:2]
    if group == "targets":
        return bool(modality)
    expected = {STATE: (np.uint8, ()), DIGEST: (np.uint8, (32,)), IDS: (dtype, ()), "given": (dtype, shape[1:])}
    return column.name in expected and (dtype, shape[1:]) == expected[column.name]
