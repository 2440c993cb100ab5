"""The data source "ave": its train, validation and test clips, to look at, to pack, or to pretrain on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from codaar_core.api import DataContext, DataError, DataSource, Space
from codaar_core.features import ClipSplit, RandomSplit
from codaar_plugin_ave.annotations import SECONDS
from codaar_plugin_ave.files import CARD, MODALITIES, SPLITS, AveFiles, FileSettings

PRETRAIN = "pretrain"  # the training clips without their labels


class Ave(DataSource):
    """Ten seconds of sound and frames with one event of 28 classes.

    Splits: "train", "val" and "test", 3,339, 402 and 402 clips with their class as target; and "pretrain", the
    training clips without it.
    """

    card = CARD

    @attrs.frozen(kw_only=True)
    class Config(FileSettings):
        """Settings of AVE's files."""

    def __init__(self, config: Config, context: DataContext) -> None:
        super().__init__(config, context)
        self.modalities = [modality for modality in MODALITIES if modality in context.modalities]
        self.files = AveFiles(config, self.spaces)

    @property
    def spaces(self) -> Mapping[str, Space]:
        """One step a second."""
        return {"audio": Space((128,), SECONDS), "video": Space((7, 7, 512), SECONDS)}

    @property
    def extraction(self) -> Mapping[str, str]:
        """As the settings say; released files do not."""
        return self.files.made_by

    @property
    def origin(self) -> str:
        """Where labels come from, and what was found."""
        files = self.files
        labels = files.labels_file.name if files.labels_file else f"{files.annotations.path.name} alone"
        found = f" ({files.defects.summary})" if files.defects else ""
        return f"AVE: {len(files.annotations):,} clips{found}, labels from {labels}"

    def split(self, name: str) -> ClipSplit:
        """Open a split."""
        if name not in (PRETRAIN, *SPLITS):
            raise DataError(f"ave has no split {name!r}", f"it has {', '.join((PRETRAIN, *SPLITS))}")
        if name == PRETRAIN:
            return self.files.clips("train", self.modalities, labelled=False)
        return self.files.clips(name, self.modalities)

    def inventory(self, name: str) -> Sequence[str]:
        """What is there of a split, for people."""
        return self.split(name).inventory().lines

    def synthetic(self, clips: int, seed: int) -> RandomSplit:
        """Random features of the true shapes."""
        return RandomSplit({modality: self.spaces[modality] for modality in self.modalities}, clips, seed)
