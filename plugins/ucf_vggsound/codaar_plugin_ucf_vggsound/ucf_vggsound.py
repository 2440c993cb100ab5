"""Benchmark "ucf-vggsound": train on the video of UCF101, test on the audio of VGGSound, and the reverse."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from zlib import crc32

import attrs
import numpy as np
from codaar_plugin_cmg.labels import ClipLabels
from codaar_plugin_cmg.metrics import accuracy, class_f1, class_precision, class_recall
from codaar_plugin_cmg.modes import AudioVideo
from codaar_plugin_cmg.settings import AudioVideoFolders, PublishedSettings

from codaar_core.api import Card, Metric, setting
from codaar_core.features import ClipSplit, RowTrack
from codaar_plugin_ucf_vggsound.classes import PAIRS, refuse_other_classes
from codaar_plugin_ucf_vggsound.lists import ClipList, read_list

LISTS = {"video": "ucf2vggsound.csv", "audio": "vggsound2ucf.csv"}
CLASS_FILES = {"video": "UCF101sameVGGSound.txt", "audio": "VGGSoundsameUCF101.txt"}
CLASSES = {"video": tuple(PAIRS), "audio": tuple(PAIRS.values())}
"""Class names by modality."""

HOW_TO_GET = (
    "lists: src_cvpr/data/UCF101 of https://github.com/EMuLeMultimodal/CoDAAR; features: the download links in its "
    "README (frames of UCF101, sound of VGGSound-AVEL 40K; one zip a clip); then set root to a folder that holds both"
)


class UcfVggsound(AudioVideo, ClipLabels):
    """UCF101<->VGGSound: sixteen shared classes, 2,003 video clips of UCF101 and 4,813 audio clips of VGGSound.

    Predictions and targets are class indices (N,). Each list lacks one class, so a head never learns it. Mode
    "as-published": all clips are for training and for testing, and the epoch is selected on the test clips. Mode
    "strict": one fifth of the training recordings selects the epoch; clips seen in pretraining (all VGGSound clips are
    in the 40K list) are counted by the framework and left out if the recipe says so.
    """

    needs = ("video", "audio")  # UCF101 is read as video, VGGSound as audio
    released_selection = "test"
    head = "clip-classifier"
    card = Card(
        title="UCF101 and VGGSound, sixteen shared classes",
        licence="UCF101: none stated; VGGSound list: CC BY 4.0; lists of the shared classes: from a repository without "
        "a licence; videos stay with their owners",
        how_to_get=HOW_TO_GET,
        homepage="https://www.crcv.ucf.edu/research/data-sets/ucf101/",
    )
    published_metric = "accuracy"
    published_scores = {True: {"40k": (0.735, 0.665), "90k": (0.712, 0.650)}}  # table 8 of arXiv 2605.12145

    @attrs.frozen(kw_only=True)
    class Config(PublishedSettings, AudioVideoFolders):
        """Settings of UCF101<->VGGSound."""

        lists: str = setting(".", "folder of the lists of clips; relative to `root`")
        video: str = setting(
            "UCF101/feature/video/zip", "folder of UCF101's video features ID.zip or ID.npy; relative to `root`"
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names of VGGSound."""
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

    def split(self, role: str, modality: str) -> ClipSplit:
        """All clips of one data set; in strict mode those of a role."""
        clips = self.clips[modality]
        if not self.as_published and role != "test":
            clips = clips.only([held_out(id, modality) == (role == "validation") for id in clips.ids])
        return self._open(clips, modality)

    @cached_property
    def clips(self) -> Mapping[str, ClipList]:
        """Lists of clips by modality."""
        folder = self.config.at(self.config.lists, self.card)
        for modality, name in CLASS_FILES.items():
            refuse_other_classes(folder / name, CLASSES[modality])
        return {modality: read_list(folder / name, CLASSES[modality]) for modality, name in LISTS.items()}

    def _open(self, clips: ClipList, modality: str) -> ClipSplit:
        features = self.config.track(clips.ids, modality, self.spaces[modality], self.card)
        labels = RowTrack(clips.labels, np.arange(len(clips.ids)))
        rule = self.config.bad_clip_rule()
        split = ClipSplit(clips.ids, {modality: features}, {modality: labels}, rule, clips.defects)
        split.refuse_absent()
        return split


def held_out(id: str, modality: str) -> bool:
    """Whether a clip belongs to the fifth that selects the epoch; all clips of one recording do, or none.

    Clips of UCF101 that differ only in the last number, such as v_Skiing_g01_c02 and _c03, are cut from one recording.
    """
    recording = id.rpartition("_c")[0] if modality == "video" else id
    return crc32(recording.encode()) % 5 == 0
