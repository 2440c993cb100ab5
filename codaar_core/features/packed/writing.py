"""Writes a split into one packed file; an interrupted call can be continued.

HDF5 only lays the file out. The content of a clip is written to its place, then its checksum, then its state, so that a
killed process leaves no half-written clip marked as present. The file gets its final name when it is complete.
"""

from __future__ import annotations

import errno
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
from codaar_core.features.files import written_aside
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
from codaar_core.features.packed.split import decoded

Precision = Literal["float16", "float32"]
Progress = Callable[[int, int], None]
FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota is used up",
    errno.EFBIG: "files of this size are not allowed here",
}


@attrs.frozen
class Packed:
    """Result of ``pack_split``."""

    path: Path
    clips: int  # clips in the file
    bad: Mapping[str, str]  # reason for each clip left out, by id
    size: int  # size of the file in bytes


def pack_split(
    split: Split,
    path: Path,
    header: Header,
    precision: Precision = "float16",
    progress: Progress = lambda done, clips: None,
) -> Packed:
    """Write a split into one file.

    Args:
        split: Clips to pack. Clips shorter than the longest are padded with masked zeros; to find the largest length,
            they are read an additional time before, except those of a ``ClipSplit`` with tracks of fixed lengths. The
            rule for bad clips of a ``ClipSplit`` applies; clips that were bad in an earlier call are tried again.
        path: File to write; until it is complete, ".partial" is appended to its name.
        header: Header of the file; whether clips have names and the notes of ``split`` are added.
        precision: Precision of the features; labels are stored unchanged.
        progress: Called after each clip with the number of clips done and the total.

    Raises:
        DataError: The file exists, the disk is full, or more clips are bad than the rule allows; clips already packed
            are kept, and the same call continues from there.
    """
    if path.exists():
        raise DataError(f"{path} exists already", "remove it to pack it again")
    rule = split.bad_clips if isinstance(split, ClipSplit) else REFUSE
    split = split.unscreened() if isinstance(split, ClipSplit) else split
    if not len(split):
        raise DataError(f"{path}: the split to pack has no clips", "check the tables that list its clips")
    ids, header = names_of(split), attrs.evolve(header, named=split.ids is not None, notes=split.notes)
    partial = path.with_name(f"{path.name}.partial")
    with _explain_full_disk(partial):
        layout = _layout_of(partial, split, ids, header, precision)
        bad = _fill(partial, layout, split, ids, progress)
    rule.check(bad, len(split))
    os.replace(partial, path)
    return Packed(path, len(split) - len(bad), bad, path.stat().st_size)


def names_of(split: Split) -> list[str]:
    """Names of the clips; their numbers if they have no names."""
    return list(map(str, range(len(split)) if split.ids is None else split.ids))


def _layout_of(partial: Path, split: Split, ids: list[str], header: Header, precision: Precision) -> Layout:
    """Layout of the file of an earlier call, or of a new file."""
    if not partial.exists():
        _lay_out(partial, header, _columns(split, ids, precision))
    layout = read_layout(partial)
    written = layout.columns[IDS].mapped(partial)
    same = layout.header == header and decoded(written, partial) == ids
    if not same or any(column.dtype != precision for column in layout.named("inputs").values()):
        raise DataError(f"{partial} belongs to other data or settings", "remove it, or pack to another folder")
    return layout


def _lay_out(partial: Path, header: Header, columns: list[tuple[Column, np.ndarray | None]]) -> None:
    partial.parent.mkdir(parents=True, exist_ok=True)
    needed, free = sum(column.bytes for column, _ in columns), shutil.disk_usage(partial.parent).free
    if needed > free:
        message = f"{partial.parent} has {free / 1e6:,.1f} MB left, {needed / 1e6:,.1f} MB are needed"
        raise DataError(message, "make room, or pack to another folder")
    with written_aside(partial) as new:
        create(new, header, [column for column, _ in columns])
        laid_out = read_layout(new)
        with new.open("r+b") as file:
            for column, values in columns:
                if values is not None:
                    _write(file, laid_out.columns[column.name].offset, values.tobytes())


def _columns(split: Split, ids: list[str], precision: Precision) -> list[tuple[Column, np.ndarray | None]]:
    """All columns, with the content of those that are known before a clip is packed."""
    clips = len(ids)
    names = np.array([name.encode() for name in ids])
    known = {IDS: names, STATE: np.zeros(clips, np.uint8), DIGEST: np.zeros((clips, 32), np.uint8)}
    first = _content(*_first(split), precision, _longest(split))
    return [
        *((Column(name, values.shape, values.dtype), values) for name, values in known.items()),
        *((Column(name, (clips, *values.shape), values.dtype), None) for name, values in first.items()),
    ]


def _first(split: Split) -> tuple[Batch, Tensor | None]:
    """The first clip that can be read; all others must have its shapes."""
    for clip in range(len(split)):
        try:
            return split[[clip]], split.given([clip])
        except DataError as error:
            last = error
    raise DataError(f"none of the {len(split):,} clips can be read; the last one: {last.message}", last.help)


def _longest(split: Split) -> dict[str, int]:
    """Largest number of steps by modality; empty for a split whose clips all have the same length."""
    longest: dict[str, int] = {}
    for clip in range(len(split) if _lengths_vary(split) else 0):
        with suppress(DataError):  # reported when the clip is packed
            steps = {modality: features.values.shape[1] for modality, features in split[[clip]].inputs.items()}
            longest |= {modality: max(count, longest.get(modality, 0)) for modality, count in steps.items()}
    return longest


def _lengths_vary(split: Split) -> bool:
    """Whether clips may have different numbers of steps."""
    return split.lengths_vary if isinstance(split, ClipSplit) else True


def _content(
    batch: Batch, given: Tensor | None, precision: Precision, steps: Mapping[str, int]
) -> dict[str, np.ndarray]:
    """The content of a batch of one clip by column name, padded to ``steps``."""
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
        raise DataError(f"the value {np.abs(values).max():g} is too large for float16", "pack as float32")
    return values.astype(precision)


def _fill(partial: Path, layout: Layout, split: Split, ids: list[str], progress: Progress) -> dict[str, str]:
    """Write the missing clips; returns the reason for each clip that cannot be read, by id."""
    state = np.array(layout.columns[STATE].mapped(partial))
    inputs = layout.named("inputs")
    precision = next(iter(inputs.values())).dtype.name
    longest = {name: column.shape[1] for name, column in inputs.items()} if _lengths_vary(split) else {}
    bad = {}
    with partial.open("r+b") as file:
        for done, clip in enumerate(np.flatnonzero(state != THERE).tolist(), int((state == THERE).sum()) + 1):
            try:
                content = _content(split[[clip]], split.given([clip]), precision, longest)
                _write_clip(file, layout, clip, ids[clip], content)
            except DataError as error:
                bad[ids[clip]] = f"{ids[clip]}: {error.message}"
                _write_row(file, layout.columns[STATE], clip, bytes([BAD]))
            progress(done, len(ids))
        file.flush()
        os.fsync(file.fileno())
    return bad


def _write_clip(file: BinaryIO, layout: Layout, clip: int, id: str, content: Mapping[str, np.ndarray]) -> None:
    for column in layout.content:
        values = content.get(column.name)
        if values is None or values.shape != column.shape[1:] or values.dtype != column.dtype:
            found = "missing" if values is None else f"{values.dtype} {values.shape}"
            raise DataError(f"{column.name} is {found}; in the first clip it is {column.dtype} {column.shape[1:]}")
    for column in layout.content:
        _write_row(file, column, clip, content[column.name].tobytes())
    _write_row(file, layout.columns[DIGEST], clip, layout.digest(id.encode(), content))
    _write_row(file, layout.columns[STATE], clip, bytes([THERE]))


def _write_row(file: BinaryIO, column: Column, clip: int, content: bytes) -> None:
    _write(file, column.offset + clip * column.size, content)


def _write(file: BinaryIO, offset: int, content: bytes) -> None:
    """Write without buffering, so that writes reach the file in their order."""
    file.seek(offset)
    file.write(content)
    file.flush()


@contextmanager
def _explain_full_disk(partial: Path) -> Iterator[None]:
    """Turn an error of a full disk into one that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise DataError(
            f"{FULL[error.errno]}; the clips packed so far are kept in {partial}",
            "make room, or move that file to another disk, and repeat the command: it continues from there",
        ) from error
