"""Reads the predictions of a run and turns them into confusion matrices, timelines and retrieved clips."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import numpy as np
import tomli

from codaar_core.api import DataError

ARROW = "->"
TIMELINES = 8  # clips shown for each transfer
QUERIES, FOUND = 6, 5  # queries shown for each transfer, and clips found for each
FEW = 10**8  # bytes of an array that is read as a whole; larger ones are read row by row


class Pair(NamedTuple):
    """Modality that a head was trained on, and the one that it was tested on."""

    train: str
    test: str


@attrs.frozen
class Archive:
    """One predictions.npz: predictions named TRAIN->TEST and targets named target/TEST.

    Attributes:
        path: The file.
    """

    path: Path

    def transfers(self) -> list[Pair]:
        """The transfers in the file, those to the training modality itself included."""
        return [Pair(*name.split(ARROW, 1)) for name in self._names() if ARROW in name]  # type: ignore[call-arg]

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of an array, without reading it."""
        with self._member(name) as member:
            return _header(member)[0]

    def prediction(self, pair: Pair) -> np.ndarray:
        """Predictions of a transfer (N, ...)."""
        return self.read(f"{pair.train}{ARROW}{pair.test}")

    def target(self, modality: str) -> np.ndarray:
        """Targets of the tested clips in a modality (N, ...)."""
        return self.read(f"target/{modality}")

    def read(self, name: str) -> np.ndarray:
        """Read a whole array."""
        with self._member(name) as member:
            shape, dtype = _header(member)
            return np.frombuffer(member.read(), dtype, count=int(np.prod(shape))).reshape(shape)

    def rows(self, name: str, wanted: Sequence[int]) -> np.ndarray:
        """Read some rows (ascending) of an array; memory holds these and one more."""
        with self._member(name) as member:
            shape, dtype = _header(member)
            size = int(np.prod(shape[1:])) * dtype.itemsize
            kept = [content for row in range(max(wanted) + 1) if (content := member.read(size)) and row in wanted]
            return np.frombuffer(b"".join(kept), dtype).reshape(len(wanted), *shape[1:])

    def _names(self) -> list[str]:
        with self._zip() as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]

    def _zip(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except (OSError, zipfile.BadZipFile) as error:
            raise DataError(f"{self.path} cannot be read: {error}", "evaluate the run again") from error

    def _member(self, name: str) -> _Member:
        return _Member(self, name)


class _Member:
    """An open array of an archive; every fault becomes a ``DataError``."""

    def __init__(self, archive: Archive, name: str) -> None:
        self.archive, self.name = archive, name

    def __enter__(self) -> Any:
        self.zip = self.archive._zip()
        try:
            self.file = self.zip.open(f"{self.name}.npy")
        except (KeyError, OSError, zipfile.BadZipFile) as error:
            self.zip.close()
            raise DataError(f"{self.archive.path} has no readable {self.name}", "evaluate the run again") from error
        return self.file

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        self.file.close()
        self.zip.close()
        if isinstance(error, (ValueError, OSError, EOFError, zipfile.BadZipFile)):
            raise DataError(
                f"{self.archive.path}: {self.name} is damaged: {error}", "evaluate the run again"
            ) from error


def _header(member: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, in_columns, dtype = read(member)
    if in_columns or dtype.hasobject:
        raise ValueError(f"arrays of {dtype} in this order are not read")
    return shape, dtype


def archives(folders: Sequence[Path], benchmark: str) -> list[Archive]:
    """The predictions of a benchmark, one file for each seed of the heads, from the first folder that has any.

    Args:
        folders: A run directory, and folders of later evaluations.
        benchmark: Name of the benchmark.
    """
    for folder in folders:
        files = (folder / "bench" / benchmark).glob("seed-*/predictions.npz")
        if found := sorted(files, key=lambda path: (len(path.parent.name), path.parent.name)):
            return [Archive(path) for path in found]
    return []


def evaluations(model: Path, benchmark: str, use: str) -> list[Path]:
    """Folders with predictions of a model: its own, then its finished evaluations of the same benchmark, newest first.

    Args:
        model: The model's folder.
        benchmark: Name of the benchmark.
        use: Its component; evaluations in which another one has this name are left out.
    """
    later = sorted((model / "evaluations").glob("*/results.json"), reverse=True)
    return [model, *(path.parent for path in later if _component(path.parent, benchmark) == use)]


def _component(folder: Path, benchmark: str) -> str:
    """Component of a benchmark in an evaluation; empty if it is unknown."""
    try:
        recipe = tomli.loads((folder / "resolved.toml").read_text("utf-8"))
        return str(recipe["bench"][benchmark]["use"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


# Classes


def confusion(prediction: np.ndarray, target: np.ndarray, classes: int) -> np.ndarray | None:
    """Count true and predicted classes.

    Args:
        prediction: Class indices (N,) or (N, T), or multi-hot (N, classes) or (N, T, classes).
        target: The same; entries with several classes or none are not counted.
        classes: Number of classes.

    Returns:
        Counts (classes, classes + 2) of true class and predicted class; the last two columns count predictions of no
        class and of several. None if the arrays have another form.
    """
    true, predicted = _single(target, classes), _single(prediction, classes)
    if true is None or predicted is None or true.shape != predicted.shape:
        return None
    counted = (true >= 0) & (true < classes)
    key = true[counted].astype(np.int64) * (classes + 2) + predicted[counted]
    return np.bincount(key, minlength=classes * (classes + 2)).reshape(classes, classes + 2)


def _single(values: np.ndarray, classes: int) -> np.ndarray | None:
    """The class of each entry; ``classes`` for no class, ``classes + 1`` for several."""
    if classes < 2:
        return None
    if values.ndim in (2, 3) and values.shape[-1] == classes and (values.ndim == 3 or values.dtype.kind == "f"):
        positive = values > 0.5
        number = positive.sum(-1)
        return np.where(number == 1, positive.argmax(-1), np.where(number == 0, classes, classes + 1))
    if values.ndim > 2 or values.dtype.kind not in "iu":
        return None
    return np.where((values >= 0) & (values < classes), values, classes)


class Timeline(NamedTuple):
    """Classes of one clip, step by step; each step may have several or none."""

    clip: int
    truth: list[list[int]]
    predicted: list[list[int]]


def timelines(prediction: np.ndarray, target: np.ndarray, classes: int) -> list[Timeline]:
    """True and predicted classes of a few clips evenly spaced over the split; empty unless there is one a step."""
    true, predicted = _of_steps(target, classes), _of_steps(prediction, classes)
    if true is None or predicted is None or true.shape != predicted.shape:
        return []
    return [Timeline(clip, _listed(true[clip]), _listed(predicted[clip])) for clip in spread(len(true), TIMELINES)]


def _of_steps(values: np.ndarray, classes: int) -> np.ndarray | None:
    """Multi-hot classes (N, T, classes)."""
    if classes < 2:
        return None
    if values.ndim == 3 and values.shape[-1] == classes:
        return values > 0.5
    if values.ndim == 2 and values.dtype.kind in "iu":
        return values[..., None] == np.arange(classes)
    return None


def _listed(steps: np.ndarray) -> list[list[int]]:
    return [np.flatnonzero(step).tolist() for step in steps]


def spread(count: int, wanted: int) -> list[int]:
    """Numbers below ``count``, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(int)).tolist() if count else []


# Retrieval


class Query(NamedTuple):
    """A query and the clips nearest to it.

    Attributes:
        clip: Index of the query.
        found: For each of the nearest clips: its index, the cosine, and whether it is a match.
        rank: Place of the first match, from 1; None if there is none.
        match: Index of the first match; None if there is none.
    """

    clip: int
    found: list[tuple[int, float, bool]]
    rank: int | None
    match: int | None


def queries(source: tuple[np.ndarray, np.ndarray], target: tuple[np.ndarray, np.ndarray]) -> Iterator[Query]:
    """Search a few clips among those of another modality by the cosine of their embeddings.

    Args:
        source: Embeddings (N, W) and items (N,) of the queries.
        target: Embeddings (M, W) and items (M,) of the clips searched; equal items are matches.
    """
    gallery = _unit(target[0])
    for clip in spread(len(source[0]), QUERIES):
        cosine = gallery @ _unit(source[0][clip : clip + 1])[0]
        order = np.argsort(-cosine, kind="stable")
        match = source[1][clip] == target[1]
        hits = np.flatnonzero(match[order])
        found = [(int(each), float(cosine[each]), bool(match[each])) for each in order[:FOUND]]
        first = int(hits[0]) if len(hits) else None
        yield Query(clip, found, None if first is None else first + 1, None if first is None else int(order[first]))


def are_embeddings(prediction: np.ndarray, target: np.ndarray) -> bool:
    """Whether predictions are embeddings (N, W) and targets items (N,)."""
    floats = prediction.dtype.kind == "f" and prediction.ndim == 2
    return floats and target.ndim == 1 and target.dtype.kind in "iu" and len(prediction) == len(target) > 0


def _unit(vectors: np.ndarray) -> np.ndarray:
    vectors = vectors.astype(np.float64)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
