"""Train on what is seen in UCF101, test on what is heard in VGGSound, and the other way round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import permutations
from pathlib import Path
from typing import Literal
from zlib import crc32

import attrs
import numpy as np
from attrs.validators import and_, ge, le
from codaar_plugin_cmg.labels import ClipLabels
from codaar_plugin_cmg.metrics import accuracy, class_f1, class_precision, class_recall
from codaar_plugin_cmg.modes import TwoModes

from codaar_core.api import (
    BenchmarkContext,
    Card,
    DataError,
    Metric,
    Space,
    Transfer,
    setting,
)
from codaar_core.features import BadClips, ClipSplit, FileTrack, RowTrack
from codaar_plugin_ucf_vggsound.classes import PAIRS, refuse_other_classes
from codaar_plugin_ucf_vggsound.lists import ClipList, read_list

SECONDS = 10
SIDES = {"video": "UCF101", "audio": "VGGSound"}  # each data set is read in one modality
LISTS = {"video": "ucf2vggsound.csv", "audio": "vggsound2ucf.csv"}
CLASS_FILES = {"video": "UCF101sameVGGSound.txt", "audio": "VGGSoundsameUCF101.txt"}
CLASSES = {"video": tuple(PAIRS), "audio": tuple(PAIRS.values())}
"""By modality."""

HOW_TO_GET = (
    "lists: src_cvpr/data/UCF101 of https://github.com/EMuLeMultimodal/CoDAAR; features: the download links in its "
    "README (frames of UCF101, sound of VGGSound-AVEL 40K; one zip a clip); then set root to a folder that holds both"
)


class UcfVggsound(TwoModes, ClipLabels):
    """UCF101<->VGGSound: sixteen classes, seen in 2,003 clips of one data set and heard in 4,813 of the other.

    Predictions and targets are class indices (N,). Each list lacks one class, so a head never learns it. In mode
    "as-published" all clips are trained and tested on, and the best epoch is an oracle. In mode "strict" a fifth of the
    training recordings picks the epoch; clips seen in pretraining (all of VGGSound's are in the 40K list) are counted
    by the framework, and left out where the recipe says so.
    """

    needs = tuple(SIDES)
    released_selection = "test"  # the best epoch on the clips that it reports
    head = "clip-classifier"
    card = Card(
        title="UCF101 and VGGSound, sixteen shared classes",
        licence="UCF101: none stated; VGGSound list: CC BY 4.0; lists of the shared classes: from a repository without "
        "a licence; videos stay with their owners",
        how_to_get=HOW_TO_GET,
        homepage="https://www.crcv.ucf.edu/research/data-sets/ucf101/",
    )

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of UCF101<->VGGSound."""

        root: str | None = setting(None, "Folder of the features and lists; needed to read any.")
        lists: str = setting(".", "Folder of the lists of clips; relative to `root`.")
        video: str = setting("UCF101/feature/video/zip", "Folder of UCF101's frame features; relative to `root`.")
        audio: str = setting("feature/audio/zip", "Folder of VGGSound's sound features; relative to `root`.")
        channels: Literal["last", "first"] = setting("last", "Where the channels of frame features stand in the files.")
        audio_made_by: str = setting("vggish-relu", "What made the sound features; others are not mixed in.")
        video_made_by: str = setting("keras-vgg19-pool5", "What made the frame features; others are not mixed in.")
        quantised: bool = setting(False, "Whether sound features are those rounded to eight bits.")
        pretraining: Literal["40k", "90k", "other"] = setting(
            "40k", "Whose published numbers to show: CoDAAR's, by pretraining clips; other: none."
        )
        bad_clips: Literal["refuse", "skip"] = setting("refuse", "What to do with clips that cannot be read.")
        bad_share: float = setting(0.02, "Share of the clips that may be skipped.", and_(ge(0.0), le(1.0)))

    def __init__(self, config: Config, context: BenchmarkContext) -> None:
        super().__init__(config, context)
        self.spaces = {m: Space(context.data.spaces[m].shape, SECONDS) for m in SIDES}

    @property
    def classes(self) -> tuple[str, ...]:
        """VGGSound's names."""
        return CLASSES["audio"]

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """Accuracy, which was published as precision; in strict mode also means over classes."""
        if self.as_published:
            return {"accuracy": accuracy}
        return {
            "accuracy": accuracy,
            "macro_precision": class_precision,
            "macro_recall": class_recall,
            "macro_f1": class_f1,
        }

    @property
    def extraction(self) -> Mapping[str, str]:
        """As the settings say; files do not."""
        return {"audio": self.config.audio_made_by, "video": self.config.video_made_by}

    @property
    def published(self) -> Mapping[str, float]:
        """Table 8 of arXiv 2605.12145; of pretraining with text alone."""
        if not self.as_published or "text" not in self.modalities or self.config.pretraining == "other":
            return {}
        seen_heard, heard_seen = PUBLISHED[self.config.pretraining]
        return {"video->audio/accuracy": seen_heard, "audio->video/accuracy": heard_seen}

    def transfers(self) -> Sequence[Transfer]:
        """Text is not in these data."""
        return [Transfer(*pair) for pair in permutations(SIDES, 2)]

    def split(self, role: str, modality: str) -> ClipSplit:
        """Open all clips of the one data set or, in strict mode, those of a role."""
        clips = self.clips[modality]
        if not self.as_published and role != "test":
            clips = clips.only([held_out(id, modality) == (role == "validation") for id in clips.ids])
        return self._open(clips, modality)

    @cached_property
    def clips(self) -> Mapping[str, ClipList]:
        """The lists, by modality."""
        folder = self._at(self.config.lists)
        for modality, name in CLASS_FILES.items():
            refuse_other_classes(folder / name, CLASSES[modality])
        return {modality: read_list(folder / name, CLASSES[modality]) for modality, name in LISTS.items()}

    def _open(self, clips: ClipList, modality: str) -> ClipSplit:
        labels = RowTrack(clips.labels, np.arange(len(clips.ids)))
        rule = BadClips(self.config.bad_clips, self.config.bad_share)
        split = ClipSplit(
            clips.ids, {modality: self._features(clips.ids, modality)}, {modality: labels}, rule, clips.defects
        )
        split.refuse_absent()
        return split

    def _features(self, ids: Sequence[str], modality: str) -> FileTrack:
        if modality == "audio":
            return FileTrack(self._at(self.config.audio), ids, self.spaces["audio"], quantised=self.config.quantised)
        folder, channels = self._at(self.config.video), self.config.channels
        return FileTrack(folder, ids, self.spaces["video"], channels=channels, quantised=True)

    def _at(self, path: str) -> Path:
        if self.config.root is None:
            raise DataError("ucf-vggsound is not told where its files are", HOW_TO_GET)
        return Path(self.config.root).expanduser() / path


PUBLISHED = {"40k": (0.735, 0.665), "90k": (0.712, 0.650)}
"""By pretraining clips: video to audio, audio to video."""


def held_out(id: str, modality: str) -> bool:
    """Whether a clip is in the fifth that picks the epoch: fixed by its recording.

    Clips of UCF101 that differ in the last number alone, as v_Skiing_g01_c02 and _c03, are cut from one recording.
    """
    recording = id.rpartition("_c")[0] if modality == "video" else id
    return crc32(recording.encode()) % 5 == 0
