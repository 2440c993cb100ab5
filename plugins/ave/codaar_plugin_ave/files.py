"""AVE's released files: the clips of each split, their features and their classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import attrs
import numpy as np
from codaar_plugin_cmg.settings import AudioVideoSettings

from codaar_core.api import Card, DataError, Space, setting
from codaar_core.features import ClipSplit, FileDefect, FileDefects, FileTrack, RowTrack, Track, read_h5
from codaar_plugin_ave.annotations import CLASSES, SECONDS, Annotations, read_annotations
from codaar_plugin_ave.feature_rows import KEY, FeatureRows

SPLITS = ("train", "val", "test")
MODALITIES = ("audio", "video")
LABELS = ("labels.h5", "right_labels.h5")
MOST_DIFFERING = 0.1  # fraction of clips whose label may differ from the annotation

CARD = Card(
    title="AVE, audio-visual events",
    licence="none stated for annotations and features; videos stay with their owners",
    how_to_get="https://github.com/YapengTian/AVE-ECCV18 has Annotations.txt and the orders, and links to "
    "visual_feature.h5, audio_feature.h5 and labels.h5; put them into one folder and set root to it",
    homepage="https://github.com/YapengTian/AVE-ECCV18",
)


@attrs.frozen(kw_only=True)
class FileSettings(AudioVideoSettings):
    """Settings of AVE's files."""

    root: str | None = setting(None, "folder of AVE's files, or of the packed splits train, val and test")
    annotations: str = setting("Annotations.txt", "table of all clips; relative to `root`")
    audio: str = setting("audio_feature.h5", "audio features, or a folder of ID.npy; relative to `root`")
    video: str = setting("visual_feature.h5", "video features, or a folder of ID.npy; relative to `root`")
    labels: str | None = setting(
        None, "labels; relative to `root`; none: labels.h5, else right_labels.h5, else from the annotations"
    )


class AveFiles:
    """The files in AVE's folder, each read on first use.

    Args:
        settings: Paths and rules.
        spaces: Spaces of audio and video, one step per second.
    """

    def __init__(self, settings: FileSettings, spaces: Mapping[str, Space]) -> None:
        self.settings = settings
        self.spaces = spaces

    def path(self, name: str) -> Path:
        """Path of a file in AVE's folder.

        Raises:
            DataError: ``root`` is not set.
        """
        return self.settings.at(name, CARD)

    @cached_property
    def annotations(self) -> Annotations:
        """All clips."""
        return read_annotations(self.path(self.settings.annotations))

    @cached_property
    def labels_file(self) -> Path | None:
        """File of labels; None if they follow from the annotations."""
        names = LABELS if self.settings.labels is None else (self.settings.labels,)
        there = [path for name in names if (path := self.path(name)).is_file()]
        if self.settings.labels is not None and not there:
            raise DataError(
                f"{self.path(self.settings.labels)} is missing",
                "correct `labels`, or leave it out: labels then follow from the annotations",
            )
        return there[0] if there else None

    @cached_property
    def labels(self) -> np.ndarray:
        """One-hot class of each second (clips, 10, 29); the last class is background."""
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
        """Defects of the annotations, and labels that differ from them.

        Raises:
            DataError: So many labels differ that they are those of other clips.
        """
        known = self.annotations
        if self.labels_file is None:
            return known.defects
        differing = np.flatnonzero((self.classes != known.classes) & (known.start < known.end))
        return known.defects + differing_labels(self.labels_file, differing, len(known), known)

    def order(self, name: str) -> np.ndarray:
        """Rows of a split (clips,) int64, in the released order, which is not sorted.

        Raises:
            DataError: The order file is missing or damaged, or does not match the annotations.
        """
        path, clips = self.path(f"{name}_order.h5"), len(self.annotations)
        order = read_h5(path, "order")
        if order.ndim != 1 or order.dtype.kind not in "iu" or not len(order):
            raise DataError(f"{path}: expected clip numbers, found {order.dtype} of shape {order.shape}")
        if order.min() < 0 or order.max() >= clips or len(np.unique(order)) < len(order):
            raise DataError(
                f"{path}: expected distinct numbers from 0 to {clips - 1:,}, as {self.annotations.path} has "
                f"{clips:,} clips; found {order.min():,} to {order.max():,}",
                "take both from the same release",
            )
        return order.astype(np.int64)

    def clips(self, name: str, modalities: Sequence[str], labelled: bool = True) -> ClipSplit:
        """Open a split, one of ``SPLITS``.

        Args:
            name: Name of the split.
            modalities: Modalities to read.
            labelled: Whether each modality has the class of the clip as its target.
        """
        order = self.order(name)
        tracks = {modality: self.features(modality, order) for modality in modalities}
        classes = RowTrack(self.classes, order)
        ids = [self.annotations.ids[row] for row in order]
        targets = dict.fromkeys(modalities if labelled else (), classes)
        return ClipSplit(ids, tracks, targets, self.settings.bad_clip_rule(), self.defects)

    def features(self, modality: str, rows: np.ndarray) -> Track:
        """Some rows of a feature file, in any order; or of a folder, the file of the recording of each row.

        Raises:
            DataError: The file is missing or damaged, or has another shape than ``spaces`` and the annotations.
        """
        quantised = self.settings.quantised or modality == "video"
        path, made_by = self.path(getattr(self.settings, modality)), self.settings.made_by(modality)
        if path.is_dir():
            recordings = [self.annotations.ids[row] for row in rows]
            return FileTrack(path, recordings, self.spaces[modality], quantised=quantised, made_by=made_by)
        track = FeatureRows(path, rows, self.spaces[modality], quantised, made_by)
        track.refuse_other_shape(len(self.annotations))
        return track


def differing_labels(path: Path, rows: np.ndarray, clips: int, annotations: Annotations) -> FileDefects:
    """One defect for each row of a file of labels that differs from the annotations.

    Args:
        path: The file of labels.
        rows: The rows that differ.
        clips: Number of rows that were compared.
        annotations: Annotations of all clips.

    Raises:
        DataError: More than ``MOST_DIFFERING`` differ: the labels are those of other clips or in another order.
    """
    if len(rows) > MOST_DIFFERING * clips:
        raise DataError(
            f"{path}: {len(rows):,} of {clips:,} labels differ from {annotations.path}, the first in row {rows[0]}",
            "take both from the same release, or remove these labels: they follow from the annotations",
        )
    return FileDefects(
        tuple(FileDefect("label that differs from the annotation", f"{path}, row {row}") for row in rows)
    )


def clip_classes(labels: np.ndarray) -> np.ndarray:
    """One class per clip, chosen as in the released CoDAAR code: (clips, T, classes + 1) -> (clips,) int64.

    In each second the class with the greatest label without background, which is class 0 in seconds without an event;
    then the greatest class index over the seconds.
    """
    return labels[..., :-1].argmax(-1).max(-1).astype(np.int64)
