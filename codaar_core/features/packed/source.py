"""The data source "packed": what ``codaar data pack`` wrote, in place of the files it was made from."""

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
    """The file of a split."""
    return folder / f"{split}.h5"


class PackedFeatures(DataSource):
    """Features packed into one memory-mapped file a split, by ``codaar data pack``.

    Its spaces are those of ``folder/pretrain.h5``, which is looked at for them.
    """

    card = Card(
        title="packed features",
        licence="that of the data that were packed; `codaar data RECIPE` shows it",
        how_to_get="`codaar data pack RECIPE --to FOLDER` writes them",
    )

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of packed features."""

        folder: str = setting(help="Folder that `codaar data pack` wrote to.")

    def __init__(self, config: Config, context: DataContext) -> None:
        super().__init__(config, context)
        self.folder = Path(config.folder)
        self.modalities = context.modalities

    @cached_property
    def _pretrain(self) -> PackedSplit:
        return PackedSplit(packed_file(self.folder, PRETRAIN), self.modalities)

    @property
    def spaces(self) -> Mapping[str, Space]:
        """Of the modalities that were packed."""
        return self._pretrain.spaces

    @property
    def extraction(self) -> Mapping[str, str]:
        """As the packed source said."""
        return self._pretrain.layout.header.extraction

    @property
    def origin(self) -> str:
        """That of the packed source, and the checksum of what is there."""
        split = self._pretrain
        return f"{split.layout.header.origin}; packed: {len(split):,} clips, sha256 {split.checksum[:16]}"

    def split(self, name: str) -> PackedSplit:
        """Open a split that was packed."""
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
        """What is there, for people."""
        split = self.split(name)
        header, bad = split.layout.header, split.layout.clips - len(split)
        left_out = [f"left out, as they could not be read: {bad:,} clips"] if bad else []
        return [f"terms of what was packed: {header.licence}", f"packed: {len(split):,} clips", *left_out]

    def synthetic(self, clips: int, seed: int) -> RandomSplit:
        """Random features of the packed shapes."""
        return RandomSplit({m: space for m, space in self.spaces.items() if m in self.modalities}, clips, seed)
