"""The inverted index of a file of codes: which clips have a codeword at which time steps.

It stands beside the file of codes as ``FILE.index.h5``, with the checksum of that file, and is written again when that
changes. For each modality: ``clips`` and ``steps`` (P,), the row and time step of every real step, once for each of its
codes, and ``frequency`` (K,), the number of clips with each codeword. The rows are in blocks with about a million
steps; within a block, entries are sorted by codeword, then clip, then step: codeword k of block b has those from
``starts[b, k]`` to ``starts[b, k + 1]``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from codaar_core.engine.data.codes_file import CodesFile, EncodedModality
from codaar_core.features.files import sha256_of, written_aside

FORMAT = 1
MARK = "codaar_positions"
SUFFIX = ".index.h5"
ROOM = "make room, or copy the file of codes to a folder that can be written"


class Occurrences(NamedTuple):
    """Where some codewords occur in a block: row of the clip, time step, and place of the codeword in the question."""

    clips: np.ndarray
    steps: np.ndarray
    codewords: np.ndarray


class PositionIndex:
    """The inverted index of a file of codes; a context manager. It is written first if it is missing or stale.

    Args:
        codes: The open file of codes.

    Raises:
        CodaarError: The index cannot be written.
    """

    def __init__(self, codes: CodesFile) -> None:
        import h5py

        self.path = codes.path.with_name(codes.path.name + SUFFIX)
        checksum = sha256_of(codes.path)
        if not _is_current(self.path, checksum, codes):
            _write(self.path, checksum, codes)
        self._h5 = h5py.File(self.path, "r")

    def __enter__(self) -> PositionIndex:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._h5.close()

    def frequency(self, modality: str) -> np.ndarray:
        """Number of clips with each codeword (K,)."""
        return self._h5[modality]["frequency"][:]

    def occurrences(self, modality: str, codewords: np.ndarray) -> Iterator[Occurrences]:
        """Where codewords occur, in order of clips and steps, a block of clips at a time.

        Args:
            modality: The modality.
            codewords: Different codewords.
        """
        group = self._h5[modality]
        for starts in group["starts"]:
            ranges = [slice(starts[each], starts[each + 1]) for each in codewords]
            clips = np.concatenate([group["clips"][each] for each in ranges])
            steps = np.concatenate([group["steps"][each] for each in ranges])
            places = np.repeat(np.arange(len(codewords)), [each.stop - each.start for each in ranges])
            order = np.lexsort([steps, clips])
            yield Occurrences(clips[order], steps[order], places[order])


def open_positions(files: list[CodesFile], opened: ExitStack) -> list[PositionIndex]:
    """The inverted indexes of files, closed by ``opened``."""
    return [opened.enter_context(PositionIndex(each)) for each in files]


def _is_current(path: Path, checksum: str, codes: CodesFile) -> bool:
    """Whether there is an index of this file of codes; one that cannot be read is written again."""
    import h5py

    try:
        with h5py.File(path, "r") as h5:
            same = h5.attrs[MARK] == FORMAT and h5.attrs["codes"] == checksum
            return bool(same) and set(h5) == set(codes.modalities)
    except (OSError, KeyError, ValueError, RuntimeError):
        return False


def _write(path: Path, checksum: str, codes: CodesFile) -> None:
    import h5py

    with written_aside(path, ROOM) as aside, h5py.File(aside, "w") as h5:
        h5.attrs.update({MARK: FORMAT, "codes": checksum})
        for encoded in codes.modalities.values():
            _write_modality(h5.create_group(encoded.modality), encoded)


def _write_modality(group: Any, encoded: EncodedModality) -> None:
    """Append the sorted entries of one block after another."""
    columns = {
        name: group.create_dataset(name, (0,), kind, maxshape=(None,), chunks=(1 << 16,))
        for name, kind in (("clips", np.int64), ("steps", np.int32))
    }
    frequency, starts, total = np.zeros(encoded.codewords, np.int64), [], 0
    for codes in encoded.chunks():
        rows, steps = (np.repeat(each, encoded.levels) for each in np.nonzero(codes.mask))
        codewords = codes.indices[codes.mask].reshape(-1)
        order = np.argsort(codewords, kind="stable")
        rows, steps, codewords = rows[order], steps[order], codewords[order]
        counts = np.bincount(codewords, minlength=encoded.codewords)
        starts.append(total + np.concatenate([[0], counts.cumsum()]))
        first = np.ones(len(rows), bool)
        first[1:] = (codewords[1:] != codewords[:-1]) | (rows[1:] != rows[:-1])
        frequency += np.bincount(codewords[first], minlength=encoded.codewords)
        for name, values in (("clips", codes.start + rows), ("steps", steps)):
            columns[name].resize((total + len(rows),))
            columns[name][total:] = values
        total += len(rows)
    group["frequency"] = frequency
    group["starts"] = np.array(starts, np.int64).reshape(-1, encoded.codewords + 1)
