"""Writes a split into one packed file; what is interrupted goes on where it was.

Clips are written straight to their place, then their checksum, then their state: HDF5 only lays the file out. So a
killed process leaves nothing half-written that would be taken for whole. The file has its final name when it is done.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Literal

import attrs
import numpy as np
from torch import Tensor

from codaar_core.api import Batch, DataError, Split
from codaar_core.features.clips.bad_clips import REFUSE
from codaar_core.features.clips.clip_split import ClipSplit
from codaar_core.features.packed.layout import (
    BAD,
    DIGEST,
    IDS,
    STATE,
    THERE,
    Column,
    Header,
    Layout,
    create,
    read_layout,
)

Precision = Literal["float16", "float32"]
Progress = Callable[[int, int], None]
FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota is used up",
    errno.EFBIG: "files of this size are not allowed here",
}


@attrs.frozen
class Packed:
    """What came of packing a split."""

    path: Path
    clips: int  # that are there
    bad: Mapping[str, str]  # what was wrong with those left out, by id
    size: int  # bytes of the file


def pack_split(
    split: Split,
    path: Path,
    header: Header,
    precision: Precision = "float16",
    progress: Progress = lambda done, clips: None,
) -> Packed:
    """Write a split into one file.

    Args:
        split: Clips that are shorter than the longest are padded with masked zeros; to know how long that is, clips of
            other classes than ``ClipSplit`` are read once more before. Where there is a rule for bad clips, that
            holds, and bad ones of an earlier attempt are tried again.
        path: The file to write; until it is whole, it has ".partial" behind its name.
        header: What to note besides; whether clips have names, and the notes of ``split``, are added.
        precision: Of the features; labels are kept as they are.
        progress: Called after each clip with the number of clips done and of all.

    Raises:
        DataError: The file exists, the disk is full, or more clips are bad than may be: what was packed is kept, and
            the same call goes on from there.
    """
    if path.exists():
        raise DataError(f"{path} is packed already", "remove it to pack it anew")
    rule = split.bad_clips if isinstance(split, ClipSplit) else REFUSE
    split = split.unscreened() if isinstance(split, ClipSplit) else split
    if not len(split):
        raise DataError(f"{path}: the split to pack is empty")
    ids, header = names_of(split), attrs.evolve(header, named=split.ids is not None, notes=split.notes)
    partial = path.with_name(f"{path.name}.partial")
    with _told_when_full(partial):
        layout = _begun(partial, split, ids, header, precision)
        bad = _fill(partial, layout, split, ids, progress)
    rule.check(bad, len(split))
    os.replace(partial, path)
    return Packed(path, len(split) - len(bad), bad, path.stat().st_size)


def names_of(split: Split) -> list[str]:
    """Names of the clips; their numbers where they have none."""
    return list(map(str, range(len(split)) if split.ids is None else split.ids))


def _begun(partial: Path, split: Split, ids: list[str], header: Header, precision: Precision) -> Layout:
    """The layout of what was begun before, or of a new file."""
    if not partial.exists():
        _lay_out(partial, header, _columns(split, ids, precision))
    layout = read_layout(partial)
    written = layout.columns[IDS].mapped(partial)
    same = layout.header == header and [each.decode() for each in written] == ids
    if not same or any(column.dtype != precision for column in layout.named("inputs").values()):
        raise DataError(f"{partial} was begun with other data or settings", "remove it, or pack to another folder")
    return layout


def _lay_out(partial: Path, header: Header, columns: list[tuple[Column, np.ndarray | None]]) -> None:
    partial.parent.mkdir(parents=True, exist_ok=True)
    needed, free = sum(column.bytes for column, _ in columns), shutil.disk_usage(partial.parent).free
    if needed > free:
        lacks = f"{free / 1e6:,.1f} MB left, {needed / 1e6:,.1f} MB are needed"
        raise DataError(f"{partial.parent} has {lacks}", "make room")
    new = partial.with_name(f"{partial.name}.new")
    create(new, header, [column for column, _ in columns])
    laid_out = read_layout(new)
    with new.open("r+b") as file:
        for column, values in columns:
            if values is not None:
                _write(file, laid_out.columns[column.name].offset, values.tobytes())
    os.replace(new, partial)


def _columns(split: Split, ids: list[str], precision: Precision) -> list[tuple[Column, np.ndarray | None]]:
    """All columns, and the content of those that is known from the beginning."""
    clips = len(ids)
    names = np.array([name.encode() for name in ids])
    known = {IDS: names, STATE: np.zeros(clips, np.uint8), DIGEST: np.zeros((clips, 32), np.uint8)}
    first = _content(*_first(split), precision, _longest(split))
    return [
        *((Column(name, values.shape, values.dtype), values) for name, values in known.items()),
        *((Column(name, (clips, *values.shape), values.dtype), None) for name, values in first.items()),
    ]


def _first(split: Split) -> tuple[Batch, Tensor | None]:
    """The first clip that can be read: all others have its shapes."""
    for clip in range(len(split)):
        try:
            return split[[clip]], split.given([clip])
        except DataError as error:
            told = error
    raise DataError(f"none of the {len(split):,} clips can be read, the last one: {told.message}", told.help)


def _longest(split: Split) -> dict[str, int]:
    """Greatest number of steps, by modality; nothing of a split whose clips all have one length."""
    longest: dict[str, int] = {}
    for clip in range(0 if isinstance(split, ClipSplit) else len(split)):
        with suppress(DataError):  # it is told when the clip is packed
            steps = {modality: features.values.shape[1] for modality, features in split[[clip]].inputs.items()}
            longest |= {modality: max(count, longest.get(modality, 0)) for modality, count in steps.items()}
    return longest


def _content(
    batch: Batch, given: Tensor | None, precision: Precision, steps: Mapping[str, int]
) -> dict[str, np.ndarray]:
    """All that a batch of one clip holds, by the name of its column; padded to ``steps``."""
    content = {}
    for modality, (values, mask) in batch.inputs.items():
        real = np.ones(values.shape[1], np.uint8) if mask is None else mask[0].numpy().astype(np.uint8)
        lacking = max(0, steps.get(modality, 0) - len(real))
        content[f"inputs/{modality}"] = _padded(_rounded(values[0].numpy(), precision), lacking)
        content[f"masks/{modality}"] = _padded(real, lacking)
    content |= {f"targets/{modality}": target[0].numpy() for modality, target in batch.targets.items()}
    return content if given is None else {**content, "given": given[0].numpy()}


def _padded(values: np.ndarray, steps: int) -> np.ndarray:
    return np.pad(values, [(0, steps), *[(0, 0)] * (values.ndim - 1)])


def _rounded(values: np.ndarray, precision: Precision) -> np.ndarray:
    if precision == "float16" and np.abs(values).max(initial=0) > np.finfo(np.float16).max:
        raise DataError(f"there is a value of {np.abs(values).max():g}, which float16 cannot hold", "pack as float32")
    return values.astype(precision)


def _fill(partial: Path, layout: Layout, split: Split, ids: list[str], progress: Progress) -> dict[str, str]:
    """Write the clips that are not there; gives what is wrong with the others."""
    state = np.array(layout.columns[STATE].mapped(partial))
    inputs = layout.named("inputs")
    precision = next(iter(inputs.values())).dtype.name
    longest = {} if isinstance(split, ClipSplit) else {name: column.shape[1] for name, column in inputs.items()}
    bad = {}
    with partial.open("r+b") as file:
        for done, clip in enumerate(np.flatnonzero(state != THERE).tolist(), int((state == THERE).sum()) + 1):
            try:
                content = _content(split[[clip]], split.given([clip]), precision, longest)
                _write_clip(file, layout, clip, content)
            except DataError as error:
                bad[ids[clip]] = f"{ids[clip]}: {error.message}"
                _write_row(file, layout.columns[STATE], clip, bytes([BAD]))
            progress(done, len(ids))
        file.flush()
        os.fsync(file.fileno())
    return bad


def _write_clip(file: BinaryIO, layout: Layout, clip: int, content: Mapping[str, np.ndarray]) -> None:
    digest = hashlib.sha256()
    for column in layout.content:
        values = content.get(column.name)
        if values is None or values.shape != column.shape[1:] or values.dtype != column.dtype:
            found = "nothing" if values is None else f"{values.dtype} {values.shape}"
            raise DataError(f"{column.name} is {found}, of the first clip {column.dtype} {column.shape[1:]}")
        digest.update(np.ascontiguousarray(values).data)
    for column in layout.content:
        _write_row(file, column, clip, content[column.name].tobytes())
    _write_row(file, layout.columns[DIGEST], clip, digest.digest())
    _write_row(file, layout.columns[STATE], clip, bytes([THERE]))


def _write_row(file: BinaryIO, column: Column, clip: int, content: bytes) -> None:
    _write(file, column.offset + clip * column.size, content)


def _write(file: BinaryIO, offset: int, content: bytes) -> None:
    """Hand it to the system at once, so that what is written first is there first."""
    file.seek(offset)
    file.write(content)
    file.flush()


@contextmanager
def _told_when_full(partial: Path) -> Iterator[None]:
    """Say what to do about a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise DataError(
            f"{FULL[error.errno]}; what was packed is kept in {partial}",
            "make room, or move it to another disk, and give the same command once more: it goes on from there",
        ) from error
