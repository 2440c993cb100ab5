"""The HDF5 file of ``codaar encode``: its layout, and reading it some clips at a time.

Layout: a group for each modality with ``ids`` (N,), ``indices`` (N, T) int32, or (N, T, Q) of a model with Q codes a
step, ``mask`` (N, T): True where the time step is real, ``times`` (T,): start of each time step in seconds; on request
``latents`` (N, T, D), ``vectors`` (N, T, D) and ``distances`` (N, T, K); of a benchmark whose clips have one number
each, ``targets`` (N,). At masked steps all values are zero. Attributes of the file: ``model``, ``checkpoint``,
``weights`` (SHA-256), ``seconds`` of a step; of a group: ``clips``, ``codewords`` (K), ``levels`` (Q; one in files
without it), ``whole_clips``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import attrs
import numpy as np

from codaar_core.api import DataError

FORMAT = 1
MARK = "codaar_codes"  # the attribute that holds the format
STEPS_AT_ONCE = 1_000_000  # time steps in memory while a file is read
MOST_COMPRESSED = 1032  # bytes that deflate can store in one, for files that were repacked
REMEDY = "write it again with `codaar encode`"


class Codes(NamedTuple):
    """Codes of n clips.

    Attributes:
        start: Row of the first clip in the file.
        ids: Names of the clips.
        indices: Codeword of each time step (n, T) int64, or codewords (n, T, Q); 0 at masked steps.
        mask: True where the time step is real (n, T).
    """

    start: int
    ids: list[str]
    indices: np.ndarray
    mask: np.ndarray


@attrs.frozen
class EncodedModality:
    """The codes of one modality of an open file.

    Attributes:
        file: Path of the file.
        modality: Name of the modality.
        clips: Number of clips N.
        steps: Time steps T of the longest clip.
        codewords: Codewords K of a codebook.
        levels: Codes Q of a time step.
        seconds: Length of a time step.
        about: Where the clips come from.
        whole_clips: Whether one code stands for a whole clip.
    """

    file: Path
    modality: str
    clips: int
    steps: int
    codewords: int
    levels: int
    seconds: float
    about: str
    whole_clips: bool
    _group: Any = attrs.field(repr=False, eq=False)

    def read(self, start: int, stop: int) -> Codes:
        """The clips of rows ``start`` to ``stop``.

        Raises:
            DataError: The file is damaged.
        """
        with _reading(self.file):
            ids = self.ids(start, stop)
            indices = self._group["indices"][start:stop].astype(np.int64)
            mask = self._group["mask"][start:stop].astype(bool)
        if indices.size and not 0 <= indices.min() <= indices.max() < self.codewords:
            raise DataError(f"{self.file}: {self.modality} has indices outside 0 to {self.codewords - 1:,}", REMEDY)
        return Codes(start, ids, indices, mask)

    def ids(self, start: int, stop: int) -> list[str]:
        """Names of the clips of rows ``start`` to ``stop``."""
        with _reading(self.file):
            return list(self._group["ids"].asstr()[start:stop])

    def chunks(self, clips: int = 0) -> Iterator[Codes]:
        """All clips, some at a time.

        Args:
            clips: Clips at a time; 0: as many as have a million time steps.
        """
        clips = clips or max(1, STEPS_AT_ONCE // max(1, self.steps))
        for start in range(0, self.clips, clips):
            yield self.read(start, min(start + clips, self.clips))

    def column(self, name: str, start: int, stop: int) -> np.ndarray | None:
        """Rows of an optional column: ``latents``, ``vectors``, ``distances`` or ``targets``; None: it is absent."""
        with _reading(self.file):
            return self._group[name][start:stop] if name in self._group else None


class CodesFile:
    """A file of ``codaar encode``, open for reading; a context manager.

    Args:
        path: The file.

    Attributes:
        path: The file.
        modalities: What it contains, by modality.
        weights: SHA-256 of the weights of the model; None in files of earlier versions.
        model: Where the model was.

    Raises:
        DataError: The file does not exist, is not a file of ``codaar encode``, or is damaged.
    """

    def __init__(self, path: Path | str) -> None:
        import h5py

        self.path = Path(path)
        if not self.path.is_file():
            raise DataError(f"there is no file {self.path}", "`codaar encode` writes files of codes")
        with _reading(self.path):
            self._h5 = h5py.File(self.path, "r")
        try:
            with _reading(self.path):
                self._read_header()
        except DataError:
            self._h5.close()
            raise

    def __enter__(self) -> CodesFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._h5.close()

    def _read_header(self) -> None:
        found = self._h5.attrs.get(MARK)
        if found is None:
            raise DataError(f"{self.path} is not a file of codes", "`codaar encode` writes files of codes")
        if found != FORMAT:
            raise DataError(f"{self.path} has format {found}, this version reads {FORMAT}", REMEDY)
        weights = self._h5.attrs.get("weights")
        self.weights = None if weights is None else str(weights)
        self.model = str(self._h5.attrs.get("model", ""))
        self.modalities: Mapping[str, EncodedModality] = {name: self._modality(name) for name in self._h5}

    def _modality(self, name: str) -> EncodedModality:
        group = self._h5[name]
        for column in group:
            self._refuse_unusual(name, column, group[column])
        levels = int(group.attrs.get("levels", 1))
        clips, steps = group["indices"].shape[:2] if "indices" in group else (len(group["ids"]), 0)
        shapes = {column: group[column].shape for column in ("ids", "mask", "indices") if column in group}
        of_step = () if levels == 1 else (levels,)
        expected = {"ids": (clips,), "mask": (clips, steps), "indices": (clips, steps, *of_step)}
        if shapes != expected and (clips or "indices" in group):
            raise DataError(f"{self.path}: the columns of {name} have different numbers of clips or steps", REMEDY)
        return EncodedModality(
            self.path,
            name,
            clips,
            steps,
            int(group.attrs["codewords"]),
            levels,
            float(self._h5.attrs.get("seconds", _step_of(group["times"][:2]))),
            str(group.attrs.get("clips", "")),
            bool(group.attrs.get("whole_clips", False)),
            group,
        )

    def _refuse_unusual(self, modality: str, column: str, dataset: Any) -> None:
        """Refuse data in other files, and sizes that the file cannot hold."""
        if dataset.external or dataset.is_virtual or dataset.file.filename != self._h5.filename:
            raise DataError(f"{self.path}: {modality}/{column} refers to another file", REMEDY)
        if dataset.nbytes > self.path.stat().st_size * (1 if dataset.chunks is None else MOST_COMPRESSED):
            raise DataError(f"{self.path}: {modality}/{column} is incomplete", REMEDY)


def _step_of(times: np.ndarray) -> float:
    """Length of a step in a file without that attribute."""
    return float(times[1] - times[0]) if len(times) > 1 else 1.0


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn an error of h5py into one that names the file."""
    try:
        yield
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise DataError(f"{path} cannot be read as a file of codes: {error}", REMEDY) from error
