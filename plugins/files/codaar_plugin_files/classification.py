"""Benchmark "files-classification": one label per clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import attrs
import numpy as np
from codaar_plugin_cmg.labels import ClipLabels
from codaar_plugin_cmg.metrics import accuracy, class_f1, class_precision, class_recall

from codaar_core.api import Metric, setting
from codaar_core.features import FileDefects, RowTrack
from codaar_plugin_files.benchmark import FilesBenchmark
from codaar_plugin_files.tables import Labels, read_labels


class FilesClassification(ClipLabels, FilesBenchmark):
    """Classification of your own clips: one label per clip, from a table id,label."""

    head = "clip-classifier"

    @attrs.frozen(kw_only=True)
    class Config(FilesBenchmark.Config):
        """Settings of the classification of your own clips."""

        labels: str = setting("labels.csv", "table id,label; relative to `root` of the data")
        column: str = setting("label", "column of the table with the label")

    @cached_property
    def table(self) -> Labels:
        """The labels."""
        return read_labels(self.at(self.config.labels), self.config.column, self.clips.known)

    @property
    def classes(self) -> tuple[str, ...]:
        """All labels of the table, in alphabetical order."""
        return self.table.classes

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """Accuracy; precision, recall and F1 as means over classes."""
        return {"accuracy": accuracy, "precision": class_precision, "recall": class_recall, "f1": class_f1}

    @property
    def defects(self) -> FileDefects:
        """Labels of unknown clips, and clips without label."""
        return self.table.defects

    def is_labelled(self, clip: str) -> bool:
        """Whether the table has the clip."""
        return clip in self.table.of

    def targets(self, modality: str, clips: Sequence[str]) -> RowTrack:
        """Class of each clip, the same in every modality."""
        number = {name: index for index, name in enumerate(self.classes)}
        rows = np.array([number[self.table.of[clip]] for clip in clips], dtype=np.int64)
        return RowTrack(np.arange(len(number)), rows)
