"""Data source "packed": splits written by ``codaar data pack``, in place of the original files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import attrs

from codaar_core.api import Card, DataContext, DataError, DataSource, Space, setting
from codaar_core.features.clips.random_split import RandomSplit
from codaar_core.features.packed.split import PackedSplit

PRETRAIN = "pretrain"


def packed_file(folder: Path, split: str) -> Path:
    """Path of the file of a split."""
    return folder / f"{split}.h5"


class PackedFeatures(DataSource):
    """Features in one memory-mapped file per split, written by ``codaar data pack``.

    Its spaces are read from ``folder/pretrain.h5``.
    """

    card = Card(
        title="packed features",
        licence="that of the packed data; `codaar data RECIPE` shows it",
        how_to_get="`codaar data pack RECIPE --to FOLDER` writes them",
    )

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of packed features."""

        folder: str = setting(help="folder that `codaar data pack` wrote to")

    def __init__(self, config: Config, context: DataContext) -> None:
        super().__init__(config, context)
        self.folder = Path(config.folder)
        self.modalities = context.modalities

    @cached_property
    def _pretrain(self) -> PackedSplit:
        return PackedSplit(packed_file(self.folder, PRETRAIN), self.modalities)

    @property
    def spaces(self) -> Mapping[str, Space]:
        """Spaces of the packed modalities."""
        return self._pretrain.spaces

    @property
    def extraction(self) -> Mapping[str, str]:
        """As the header of the packed file states."""
        return self._pretrain.layout.header.extraction

    @property
    def origin(self) -> str:
        """Origin of the packed data, number of clips and their checksum."""
        split = self._pretrain
        return f"{split.layout.header.origin}; packed: {len(split):,} clips, sha256 {split.checksum[:16]}"

    def split(self, name: str) -> PackedSplit:
        """Open a packed split."""
        path = packed_file(self.folder, name)
        if not path.is_file():
            there = sorted(
                each.relative_to(self.folder).with_suffix("").as_posix() for each in self.folder.rglob("*.h5")
            )
            has = f"it has {', '.join(there)}" if there else "it has none"
            raise DataError(f"{self.folder} has no packed split {name!r}", f"{has}; `codaar data pack` writes them")
        split = PackedSplit(path, self.modalities)
        len(split)
        return split

    def inventory(self, name: str) -> Sequence[str]:
        """Lines with the terms of the data and the number of clips."""
        split = self.split(name)
        header, bad = split.layout.header, split.layout.clips - len(split)
        left_out = [f"left out because they could not be read: {bad:,} clips"] if bad else []
        return [f"terms of the packed data: {header.licence}", f"packed: {len(split):,} clips", *left_out]

    def synthetic(self, clips: int, seed: int) -> RandomSplit:
        """Random features of the packed shapes."""
        return RandomSplit({m: space for m, space in self.spaces.items() if m in self.modalities}, clips, seed)
