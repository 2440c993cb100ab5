"""Splits of AVE that ``codaar data pack`` wrote, each in one file of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from codaar_core.api import DataError, Space
from codaar_core.features import PackedSplit


def packed_file(root: str | None, name: str) -> Path | None:
    """The file of a packed split; None where there is none."""
    path = None if root is None else Path(root).expanduser() / f"{name}.h5"
    return path if path is not None and path.is_file() else None


def open_packed(path: Path, modality: str, space: Space) -> PackedSplit:
    """Open a packed split, seen through one modality.

    Raises:
        DataError: The file is damaged, or its features have another shape than ``space``.
    """
    split = PackedSplit(path, (modality,))
    found = split.spaces.get(modality)
    if found != space:
        has = f"features {(found.length, *found.shape)}" if found else "none"
        raise DataError(
            f"{path}: expected {modality!r} features {(space.length, *space.shape)}, it has {has}",
            "pretrain on features of the same shape, or pack AVE anew",
        )
    return split


def packed_extraction(path: Path) -> Mapping[str, str]:
    """What made the features, by modality."""
    return PackedSplit(path).layout.header.extraction
