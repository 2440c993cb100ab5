"""Reads files of ``codaar encode`` for the atlas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from codaar_core.api import CodaarError, DataError
from codaar_core.engine.data.codes_file import MARK

CHUNK = 1000  # clips whose latents are read at once
AGAIN = "write it again with `codaar encode`"


@attrs.frozen(eq=False)
class ClipCodes:
    """The codes of N clips in one modality.

    Attributes:
        path: The codes file.
        modality: The modality.
        clips: Where the clips come from, as ``codaar encode`` describes it.
        whole_clips: Whether a whole clip is one code.
        ids: Names of the clips.
        indices: Code indices (N, T) int32.
        real: True where the time step is real (N, T).
        times: Start of each time step in seconds (T,).
        size: Number of codewords K.
    """

    path: Path
    modality: str
    clips: str
    whole_clips: bool
    ids: Sequence[str]
    indices: np.ndarray
    real: np.ndarray
    times: np.ndarray
    size: int

    def distances(self, codebook: np.ndarray) -> np.ndarray | None:
        """Squared Euclidean distance of each latent to its codeword (N, T) float32; latents are read by chunks.

        Args:
            codebook: Codewords (K, D).

        Returns:
            The distances; None if the file has no latents, or latents of another width.
        """
        import h5py

        with opened(self.path) as file:
            latents = file[self.modality].get("latents")
            fits = isinstance(latents, h5py.Dataset) and latents.shape == (*self.indices.shape, codebook.shape[1])
            if not fits:
                return None
            found = np.empty(self.indices.shape, np.float32)
            for start in range(0, len(found), CHUNK):
                rows = slice(start, start + CHUNK)
                difference = latents[rows].astype(np.float32) - codebook[self.indices[rows]]
                found[rows] = np.einsum("ntd,ntd->nt", difference, difference)
        return np.nan_to_num(found, nan=np.inf)


def read_codes(paths: Sequence[Path], weights: str, checkpoint: str, size: int) -> dict[str, ClipCodes]:
    """Read the codes of all modalities in some files.

    Args:
        paths: Files of ``codaar encode``.
        weights: SHA-256 of the weights of the model that the codes must be of.
        checkpoint: Name of its checkpoint, compared where a file does not name its weights.
        size: Number of codewords K of the model.

    Raises:
        DataError: A file is missing, damaged, of another model, or two files have the same modality.
    """
    found: dict[str, ClipCodes] = {}
    for path in paths:
        with opened(path) as file:
            _refuse_other_model(path, file, weights, checkpoint)
            for modality in file:
                if modality in found:
                    raise DataError(
                        f"{path} and {found[modality].path} both have codes of {modality!r}",
                        "give files of different modalities, or make one atlas for each file",
                    )
                found[modality] = _read(path, modality, file[modality], size)
    if not found:
        raise DataError(f"no codes in {', '.join(map(str, paths))}", AGAIN)
    return found


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a codes file for reading.

    Raises:
        DataError: It is missing, damaged or no codes file.
    """
    import h5py

    if not path.is_file():
        raise DataError(f"there is no codes file {path}", "`codaar encode` writes one")
    try:
        with h5py.File(path) as file:
            if MARK not in file.attrs:
                raise DataError(f"{path} is not a codes file", "give a file of `codaar encode`")
            yield file
    except CodaarError:
        raise
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise DataError(f"{path} cannot be read: {error}", AGAIN) from error


def _refuse_other_model(path: Path, file: Any, weights: str, checkpoint: str) -> None:
    named = str(file.attrs.get("weights", ""))
    same = named == weights if named else str(file.attrs.get("checkpoint", checkpoint)) == checkpoint
    if not same:
        model = file.attrs.get("model", "unknown")
        raise DataError(
            f"{path} has codes of another model ({model}, {file.attrs.get('checkpoint', 'unknown')})",
            "encode the clips with this model, or name the model of these codes",
        )


def _read(path: Path, modality: str, group: Any, size: int) -> ClipCodes:
    indices, real = group["indices"][:], group["mask"][:]
    ids = group["ids"].asstr(errors="replace")[:].tolist()
    whole = indices.ndim == 2 and np.issubdtype(indices.dtype, np.integer) and real.dtype == np.bool_
    if not whole or real.shape != indices.shape or len(ids) != len(indices):
        raise DataError(f"{path}: the arrays of {modality!r} do not fit together", AGAIN)
    if not real.any():
        raise DataError(f"{path} has no code of {modality!r}", "encode at least one clip")
    indices = np.where(real, indices, 0).astype(np.int32)
    if indices.min() < 0 or indices.max() >= size:
        raise DataError(f"{path}: indices of {modality!r} reach {indices.max()}, the model has {size} codewords", AGAIN)
    attributes = group.attrs
    return ClipCodes(
        path,
        modality,
        str(attributes.get("clips", "")),
        bool(attributes.get("whole_clips", False)),
        ids,
        indices,
        real,
        np.asarray(group["times"][:], np.float64),
        size,
    )
