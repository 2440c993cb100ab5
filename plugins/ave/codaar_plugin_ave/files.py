"""AVE's files as they are released: which clips a split has, their features and their classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import attrs
import numpy as np
from attrs.validators import and_, ge, le

from codaar_core.api import Card, DataError, Space, setting
from codaar_core.features import BadClips, ClipSplit, FileDefect, FileDefects, RowTrack, read_h5
from codaar_plugin_ave.annotations import CLASSES, SECONDS, Annotations, read_annotations
from codaar_plugin_ave.feature_rows import KEY, FeatureRows

SPLITS = ("train", "val", "test")
MODALITIES = ("audio", "video")
LABELS = ("labels.h5", "right_labels.h5")

CARD = Card(
    title="AVE, audio-visual events",
    licence="none stated for annotations and features; videos stay with their owners",
    how_to_get="https://github.com/YapengTian/AVE-ECCV18 has Annotations.txt and the orders, and links to "
    "visual_feature.h5, audio_feature.h5 and labels.h5; put them into one folder and set root to it",
    homepage="https://github.com/YapengTian/AVE-ECCV18",
)


@attrs.frozen(kw_only=True)
class FileSettings:
    """Where AVE's files are, and what made its features."""

    root: str | None = setting(None, "Folder of AVE's files, or of the packed splits train, val and test.")
    annotations: str = setting("Annotations.txt", "Table of all clips; relative to `root`.")
    audio: str = setting("audio_feature.h5", "Sound features; relative to `root`.")
    video: str = setting("visual_feature.h5", "Frame features; relative to `root`.")
    labels: str | None = setting(
        None, "Labels; relative to `root`; none: labels.h5, right_labels.h5 or, without either, from the annotations."
    )
    audio_made_by: str = setting("vggish-relu", "What made the sound features; others are not mixed in.")
    video_made_by: str = setting("keras-vgg19-pool5", "What made the frame features; others are not mixed in.")
    quantised: bool = setting(False, "Whether sound features are those rounded to eight bits.")
    bad_clips: Literal["refuse", "skip"] = setting("refuse", "What to do with clips that cannot be read.")
    bad_share: float = setting(0.02, "Share of the clips that may be skipped.", and_(ge(0.0), le(1.0)))


class AveFiles:
    """What is in the folder of AVE.

    Args:
        settings: Where it is.
        spaces: Of audio and video, in steps of a second.
    """

    def __init__(self, settings: FileSettings, spaces: Mapping[str, Space]) -> None:
        self.settings = settings
        self.spaces = spaces

    @property
    def root(self) -> Path:
        """The folder.

        Raises:
            DataError: The recipe names none.
        """
        if self.settings.root is None:
            raise DataError("the recipe does not say where AVE's files are", CARD.how_to_get)
        return Path(self.settings.root).expanduser()

    @cached_property
    def annotations(self) -> Annotations:
        """All clips."""
        return read_annotations(self.root / self.settings.annotations)

    @cached_property
    def labels_file(self) -> Path | None:
        """The file of labels; None where they follow from the annotations."""
        names = LABELS if self.settings.labels is None else (self.settings.labels,)
        there = [self.root / name for name in names if (self.root / name).is_file()]
        if self.settings.labels is not None and not there:
            raise DataError(f"{self.root / self.settings.labels} is missing", "without `labels`, annotations will do")
        return there[0] if there else None

    @cached_property
    def labels(self) -> np.ndarray:
        """One-hot classes of each second, the last one background: (clips, 10, 29)."""
        if self.labels_file is None:
            return self.annotations.labels()
        labels = read_h5(self.labels_file, KEY)
        expected = (len(self.annotations), SECONDS, len(CLASSES) + 1)
        if labels.shape != expected:
            raise DataError(f"{self.labels_file}: expected the shape {expected}, it has {labels.shape}")
        return labels

    @cached_property
    def classes(self) -> np.ndarray:
        """The class of each clip, (clips,) int64."""
        return clip_classes(self.labels)

    @cached_property
    def defects(self) -> FileDefects:
        """What is not as it should be in annotations and labels."""
        known = self.annotations
        differing = np.flatnonzero((self.classes != known.classes) & (known.start < known.end))
        where = str(self.labels_file)
        found = (FileDefect("label that differs from the annotation", f"{where}, row {row}") for row in differing)
        return known.defects + FileDefects(tuple(found))

    def order(self, name: str) -> np.ndarray:
        """The rows of a split, (clips,) int64, in the released order, which is not sorted.

        Raises:
            DataError: The file of the order is missing or damaged, or does not fit the annotations.
        """
        path, clips = self.root / f"{name}_order.h5", len(self.annotations)
        order = read_h5(path, "order")
        if order.ndim != 1 or order.dtype.kind not in "iu" or not len(order):
            raise DataError(f"{path}: expected numbers of clips, it has {order.dtype} of shape {order.shape}")
        if order.min() < 0 or order.max() >= clips or len(np.unique(order)) < len(order):
            raise DataError(
                f"{path}: expected different numbers from 0 to {clips - 1:,}, as {self.annotations.path} has "
                f"{clips:,} clips; it has {order.min():,} to {order.max():,}",
                "take both from the same release",
            )
        return order.astype(np.int64)

    def clips(self, name: str, modalities: Sequence[str], labelled: bool = True) -> ClipSplit:
        """Open a split, one of ``SPLITS``.

        Args:
            name: Of the split.
            modalities: Those to read.
            labelled: Whether each modality has the class of a clip as its target.
        """
        order, clips = self.order(name), len(self.annotations)
        tracks = {modality: self._features(modality, order) for modality in modalities}
        for track in tracks.values():
            track.refuse_other_shape(clips)
        classes = RowTrack(self.classes, order)
        ids = [self.annotations.ids[row] for row in order]
        rule = BadClips(self.settings.bad_clips, self.settings.bad_share)
        return ClipSplit(ids, tracks, dict.fromkeys(modalities if labelled else (), classes), rule, self.defects)

    @property
    def made_by(self) -> Mapping[str, str]:
        """What made the features, by modality; released files do not say."""
        return {"audio": self.settings.audio_made_by, "video": self.settings.video_made_by}

    def _features(self, modality: str, order: np.ndarray) -> FeatureRows:
        path = self.root / getattr(self.settings, modality)
        quantised = self.settings.quantised or modality == "video"
        return FeatureRows(path, order, self.spaces[modality], quantised)


def clip_classes(labels: np.ndarray) -> np.ndarray:
    """One class a clip, as the released CoDAAR code chooses it: (clips, T, classes + 1) -> (clips,) int64.

    In each second the class with the greatest label, background left out, which makes it class 0 where there is no
    event; of these the greatest.
    """
    return labels[..., :-1].argmax(-1).max(-1).astype(np.int64)
