"""Data source "ave": the training, validation and test clips of AVE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from codaar_core.api import DataContext, DataError, DataSource, Space
from codaar_core.features import ClipSplit, RandomSplit
from codaar_plugin_ave.annotations import SECONDS
from codaar_plugin_ave.files import CARD, MODALITIES, SPLITS, AveFiles, FileSettings

PRETRAIN = "pretrain"  # the training clips without their labels


class Ave(DataSource):
    """AVE: ten seconds of audio and video with one event of 28 classes.

    Splits: "train", "val" and "test" with 3,339, 402 and 402 clips and their class as target; "pretrain", the training
    clips without targets.
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
        """One step per second."""
        return {"audio": Space((128,), SECONDS), "video": Space((7, 7, 512), SECONDS)}

    @property
    def extraction(self) -> Mapping[str, str]:
        """As the settings state."""
        return self.config.extraction()

    @property
    def origin(self) -> str:
        """Number of clips, defects of the files, and the source of the labels."""
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
        """Lines that state which files of a split exist."""
        return self.split(name).inventory().lines

    def synthetic(self, clips: int, seed: int) -> RandomSplit:
        """Random features of the same shapes."""
        return RandomSplit({modality: self.spaces[modality] for modality in self.modalities}, clips, seed)
