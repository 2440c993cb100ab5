"""Reads a packed file: columns are mapped into memory, and a batch gathers rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from codaar_core.api import Batch, DataError, Features, Space, Split
from codaar_core.features.clips.clip_split import left_out
from codaar_core.features.packed.layout import AGAIN, BAD, DIGEST, IDS, STATE, THERE, Column, Layout, read_layout


class PackedSplit(Split):
    """The clips of a packed file in the order of the packed split, without unreadable ones.

    A pickled split holds no open file: each process maps the file on first use. Features have the precision of the
    file.

    Args:
        path: The file.
        modalities: Modalities to read; None: all.

    Raises:
        DataError: On first use, if the file is missing, damaged or no packed split.
    """

    def __init__(self, path: Path, modalities: Sequence[str] | None = None) -> None:
        self.path = path
        self.modalities = modalities

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "modalities": self.modalities}

    @cached_property
    def layout(self) -> Layout:
        """Header and columns of the file."""
        return read_layout(self.path)

    @property
    def spaces(self) -> Mapping[str, Space]:
        """Shape and number of steps of each modality in the file."""
        return {m: Space(column.shape[2:], column.shape[1]) for m, column in self.layout.named("inputs").items()}

    @cached_property
    def rows(self) -> np.ndarray:
        """Rows of the clips that are present."""
        return np.flatnonzero(self._column(STATE) == THERE)

    @cached_property
    def ids(self) -> Sequence[str] | None:
        """Names of the clips; None if the packed split had no names, because numbers do not identify recordings."""
        return self._names if self.layout.header.named else None

    @property
    def notes(self) -> Sequence[str]:
        """Notes of the packed split, and the number of clips that could not be read."""
        return [*self.layout.header.notes, *left_out(self.layout.clips, len(self))]

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over the names and the checksums of all clips: equal for equal content."""
        named = "\n".join(self._names).encode()
        return hashlib.sha256(named + self._column(DIGEST)[self.rows].tobytes()).hexdigest()

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, indices: Sequence[int]) -> Batch:
        """Gather the clips at ``indices``, in that order."""
        rows = self.rows[np.asarray(indices, dtype=np.int64)]
        inputs = {m: Features(_gathered(values, rows), _mask(mask, rows)) for m, (values, mask) in self._inputs.items()}
        return Batch(inputs, {m: _gathered(values, rows) for m, values in self._targets.items()})

    def given(self, indices: Sequence[int]) -> Tensor | None:
        """Inputs of heads besides codes; None if there are none in the file."""
        if "given" not in self.layout.columns:
            return None
        return _gathered(self._column("given"), self.rows[np.asarray(indices, dtype=np.int64)])

    def refuse_other_spaces(self, spaces: Mapping[str, Space]) -> None:
        """Refuse features of another shape.

        Args:
            spaces: Expected space by modality, for at least the modalities that are read; a space without a length
                allows any number of steps.

        Raises:
            DataError: A modality is missing, or has another shape or number of steps.
        """
        for modality in self.spaces if self.modalities is None else self.modalities:
            found, expected = self.spaces.get(modality), spaces[modality]
            if found is None or found != Space(expected.shape, expected.length or found.length):
                has = _described(found, expected) if found else "none"
                raise DataError(
                    f"{self.path}: expected {modality!r} features {_described(expected, expected)}, found {has}",
                    "pretrain on features of the same shape, or pack these again",
                )

    def damaged(self, progress: Callable[[int, int], None] = lambda done, clips: None) -> list[str]:
        """Names of the clips that differ from their checksum or were never written."""
        columns = {column.name: self._column(column.name) for column in self.layout.content}
        state, names, digests = (self._column(name) for name in (STATE, IDS, DIGEST))
        rows, damaged = np.flatnonzero(state != BAD), []
        for done, row in enumerate(rows.tolist(), 1):
            digest = self.layout.digest(names[row], {name: column[row] for name, column in columns.items()})
            if state[row] != THERE or digest != digests[row].tobytes():
                damaged.append(names[row].decode(errors="replace"))
            progress(done, len(rows))
        return damaged

    def _column(self, name: str) -> np.ndarray:
        return _mapped(self.layout.columns[name], self.path)

    @cached_property
    def _names(self) -> list[str]:
        return decoded(self._column(IDS)[self.rows], self.path)

    @cached_property
    def _inputs(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        masks = self.layout.named("masks")
        return {
            m: (_mapped(column, self.path), _mapped(masks[m], self.path))
            for m, column in self.layout.named("inputs").items()
            if self.modalities is None or m in self.modalities
        }

    @cached_property
    def _targets(self) -> dict[str, np.ndarray]:
        return {m: _mapped(column, self.path) for m, column in self.layout.named("targets").items()}


def decoded(names: np.ndarray, path: Path) -> list[str]:
    """Stored ids as strings.

    Raises:
        DataError: One is not encoded in UTF-8.
    """
    try:
        return [name.decode() for name in names]
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: the id {error.object[:40]!r} is not encoded in UTF-8", AGAIN) from None


def _mapped(column: Column, path: Path) -> np.ndarray:
    """A plain array over the file; indexing the class ``memmap`` is slower."""
    try:
        return np.asarray(column.mapped(path)).view(np.ndarray)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is shorter than its header states: {error}", AGAIN) from error


def _described(space: Space, expected: Space) -> str:
    """Shape with the number of steps where ``expected`` states one, else the shape of a step."""
    return f"{(space.length, *space.shape)}" if expected.length else f"{space.shape} per step"


def _gathered(column: np.ndarray, rows: np.ndarray) -> Tensor:
    return torch.from_numpy(column[rows])


def _mask(column: np.ndarray, rows: np.ndarray) -> Tensor | None:
    mask = column[rows]
    return None if mask.all() else torch.from_numpy(mask.astype(np.bool_))
