"""Reads the query: an id of the index, a features file, or a file of codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import attrs
import numpy as np
import torch

from codaar_core.api import CodaarError, DataError
from codaar_core.engine.data.codes_file import Codes, CodesFile
from codaar_core.engine.trained_model import TrainedModel
from codaar_core.features import read_array, refuse_unusable
from codaar_core.searching.gallery import Gallery

FEATURES = ".npy"
CODES = (".h5", ".hdf5")


class Queries(Protocol):
    """Query clips of one modality; an ``EncodedModality`` of a file, or ``GivenClips``."""

    @property
    def modality(self) -> str:
        """Name of the modality."""

    @property
    def clips(self) -> int:
        """Number of clips."""

    def chunks(self, clips: int = 0) -> Iterator[Codes]:
        """The codes, some clips at a time."""

    def column(self, name: str, start: int, stop: int) -> np.ndarray | None:
        """Rows of an optional column, or None."""


@attrs.frozen
class GivenClips:
    """One or a few query clips in memory."""

    modality: str
    codes: tuple[Codes, ...]

    @property
    def clips(self) -> int:
        """Number of clips."""
        return len(self.codes)

    def chunks(self, clips: int = 0) -> Iterator[Codes]:
        """The clips, one at a time."""
        yield from self.codes

    def column(self, name: str, start: int, stop: int) -> np.ndarray | None:
        """There are no further columns."""
        return None


def read_queries(
    query: str,
    modality: str | None,
    index: Sequence[CodesFile],
    model: TrainedModel,
    check: Callable[[CodesFile], None],
    opened: ExitStack,
) -> list[Queries]:
    """Read the query.

    Args:
        query: An id of the index, or the path of a features file (T, *shape) or of a file of codes.
        modality: Modality of the query; needed for features, and for an id if the index has several modalities.
        index: The searched files.
        model: Encodes features.
        check: Refuses a file of codes of another model.
        opened: Closes a file of codes.

    Raises:
        CodaarError: There is no such clip or file, or the modality is needed.
    """
    path = Path(query)
    if path.suffix in CODES and path.is_file():
        file = opened.enter_context(CodesFile(path))
        check(file)
        return [file.modalities[each] for each in _chosen(modality, list(file.modalities), str(path))]
    known = list(dict.fromkeys(name for each in index for name in each.modalities))
    if path.suffix == FEATURES and path.is_file():
        if modality is None:
            raise CodaarError(f"{path}: the modality of these features is unknown", f"--modality {'|'.join(known)}")
        return [_encoded(path, modality, model)]
    if modality is None and len(known) > 1:
        raise CodaarError(f"{query!r} may be a clip of any modality", f"--from {'|'.join(known)}")
    (chosen,) = _chosen(modality, known, "the index")
    return [_of_index(query, chosen, index)]


def _chosen(modality: str | None, known: list[str], where: str) -> list[str]:
    if modality is None:
        return known
    if modality not in known:
        raise CodaarError(f"{where} has no codes of {modality!r}", f"it has {', '.join(known)}")
    return [modality]


def _encoded(path: Path, modality: str, model: TrainedModel) -> GivenClips:
    """The codes of a features file."""
    if modality not in model.model.modalities:
        raise CodaarError(
            f"no modality {modality!r} in this model", f"its modalities are {', '.join(model.model.modalities)}"
        )
    values = read_array(path)
    refuse_unusable(values, model.model.spaces[modality].shape, path)
    codes = model.encode({modality: torch.from_numpy(values.astype(np.float32))[None]})[modality]
    indices = codes.indices.cpu().numpy()
    return GivenClips(modality, (Codes(0, [path.stem], indices, np.ones(indices.shape[:2], bool)),))


def _of_index(id: str, modality: str, index: Sequence[CodesFile]) -> GivenClips:
    """The clips of the index with an id."""
    gallery = Gallery(index, modality)
    found = gallery.rows_of(id)
    if not found:
        some = ", ".join(gallery.parts[0].ids(0, 3)) if len(gallery) else "none"
        raise DataError(
            f"no clip {id!r} of {modality} in {', '.join(str(each.path) for each in index)}, and no such file",
            f"ids there are: {some}{', ...' if len(gallery) > 3 else ''}",
        )
    return GivenClips(modality, tuple(found))
