"""Reads files of ``codaar encode`` for the atlas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np

from codaar_core.api import DataError
from codaar_core.engine.data.codes_file import CodesFile, EncodedModality

CHUNK = 1000  # clips whose latents are read at once


@attrs.frozen(eq=False)
class ClipCodes:
    """The codes of N clips in one modality.

    Attributes:
        path: The codes file.
        modality: The modality.
        clips: Where the clips come from, as ``codaar encode`` describes it.
        whole_clips: Whether a whole clip is one code.
        ids: Names of the clips.
        indices: Code indices (N, T, Q) int32: of each level one.
        real: True where the time step is real (N, T).
        seconds: Length of a time step.
        size: Number of codewords K.
    """

    path: Path
    modality: str
    clips: str
    whole_clips: bool
    ids: Sequence[str]
    indices: np.ndarray
    real: np.ndarray
    seconds: float
    size: int

    @property
    def levels(self) -> int:
        """Codes Q of a time step."""
        return int(self.indices.shape[2])

    def distances(self, codebook: np.ndarray) -> np.ndarray | None:
        """Squared Euclidean distance of each latent to its codeword; latents are read by chunks.

        A codeword of a higher level is added to those of the levels below it.

        Args:
            codebook: Codewords (K, D).

        Returns:
            The distances (N, T, Q) float32; None if the file has no latents, or latents of another width.

        Raises:
            DataError: The file is damaged.
        """
        found = np.empty(self.indices.shape, np.float32)
        with CodesFile(self.path) as file:
            modality = file.modalities[self.modality]
            for start in range(0, len(found), CHUNK):
                rows = slice(start, start + CHUNK)
                latents = modality.column("latents", start, start + CHUNK)
                if latents is None or latents.shape != (*found[rows].shape[:2], codebook.shape[1]):
                    return None
                difference = latents.astype(np.float32)
                for level in range(self.levels):
                    difference = difference - codebook[self.indices[rows, :, level]]
                    found[rows, :, level] = np.einsum("ntd,ntd->nt", difference, difference)
        return np.nan_to_num(found, nan=np.inf)


def read_codes(paths: Sequence[Path], weights: str, size: int) -> dict[str, ClipCodes]:
    """Read the codes of all modalities in some files.

    Args:
        paths: Files of ``codaar encode``.
        weights: SHA-256 of the weights of the model that the codes must be of.
        size: Number of codewords K of the model.

    Raises:
        DataError: A file is missing, damaged, of another model, or two files have the same modality.
    """
    found: dict[str, ClipCodes] = {}
    for path in paths:
        with CodesFile(path) as file:
            _refuse_other_model(file, weights)
            for name, modality in file.modalities.items():
                if name in found:
                    raise DataError(
                        f"{path} and {found[name].path} both have codes of {name!r}",
                        "give files of different modalities, or make one atlas for each file",
                    )
                found[name] = _read(path, modality, size)
    if not found:
        raise DataError(f"no codes in {', '.join(map(str, paths))}", "encode at least one clip")
    return found


def _refuse_other_model(file: CodesFile, weights: str) -> None:
    if file.weights is None:
        raise DataError(f"{file.path} does not name its model's weights", "encode the clips again")
    if file.weights != weights:
        raise DataError(
            f"{file.path} has codes of other weights, sha256 {file.weights[:12]} of {file.model}; "
            f"this model has {weights[:12]}",
            "encode the clips with this model, or name the model of these codes",
        )


def _read(path: Path, modality: EncodedModality, size: int) -> ClipCodes:
    name = modality.modality
    if modality.codewords != size:
        raise DataError(
            f"{path}: {name} has codes of {modality.codewords:,} codewords, the model has {size:,}",
            "encode the clips with this model",
        )
    chunks = list(modality.chunks())
    if not any(chunk.mask.any() for chunk in chunks):
        raise DataError(f"{path} has no code of {name}", "encode at least one clip")
    real = np.concatenate([chunk.mask for chunk in chunks])
    indices = np.concatenate([chunk.indices.astype(np.int32) for chunk in chunks])
    indices = np.where(real[..., None], indices.reshape(*real.shape, -1), 0)
    ids = [id for chunk in chunks for id in chunk.ids]
    seconds = modality.seconds
    return ClipCodes(path, name, modality.about, modality.whole_clips, ids, indices, real, seconds, size)
