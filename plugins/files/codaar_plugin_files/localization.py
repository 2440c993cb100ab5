"""Benchmark "files-localization": the labels of every step, any number of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from codaar_plugin_cmg.labels import SegmentLabels
from codaar_plugin_cmg.metrics import foreground, micro_precision, micro_recall, segment_f1

from codaar_core.api import BenchmarkContext, ComponentError, Metric, setting
from codaar_core.features import ClipSplit, FileDefect, FileDefects
from codaar_plugin_files.benchmark import FilesBenchmark
from codaar_plugin_files.tables import Segment, Segments, read_segments
from codaar_plugin_files.tracks import ClockTrack

BACKGROUND = "background"


@attrs.frozen
class SegmentTrack:
    """Multi-hot labels (steps, classes + 1) of each clip; the last is background, and masked steps have none."""

    features: ClockTrack
    segments: Sequence[Sequence[Segment]]  # of each clip
    classes: Sequence[str]
    clock: float  # steps per second
    steps: int

    def read(self, clip: int) -> np.ndarray:
        """Labels of one clip, float32."""
        labels, real = np.zeros((self.steps, len(self.classes) + 1), np.float32), self.features.length(clip)
        for segment in self.segments[clip]:
            first, last = labelled_steps(segment, self.clock)
            labels[first:last, self.classes.index(segment.label)] = 1
        labels[real:] = 0
        labels[:real, -1] = ~labels[:real].any(1)
        return labels

    def absent(self) -> list[Path]:
        """No file can be missing."""
        return []


def labelled_steps(segment: Segment, clock: float) -> tuple[int, int]:
    """First step of a span of time and the one after its last: those whose middle lies in it, or that of its middle."""
    first, last = (max(0, math.ceil(time * clock - 0.5)) for time in (segment.start, segment.end))
    if first < last:
        return first, last
    middle = int((segment.start + segment.end) / 2 * clock)
    return middle, middle + 1


class FilesLocalization(SegmentLabels, FilesBenchmark):
    """Localization in your own clips: any number of labels in each step, from a table id,start,end,label[,modality].

    Times are in seconds. A step has a label if its middle lies between start and end; a shorter span labels one step.
    Rows with a modality apply to it alone. Clips without a row are background.

    Raises:
        ComponentError: The data state no `steps`, without which clips have labels of different lengths.
    """

    head = "segment-classifier"

    @attrs.frozen(kw_only=True)
    class Config(FilesBenchmark.Config):
        """Settings of the localization in your own clips."""

        segments: str = setting("segments.csv", "table id,start,end,label[,modality]; relative to `root` of the data")

    def __init__(self, config: Any, context: BenchmarkContext) -> None:
        super().__init__(config, context)
        if self.data.config.steps is None:
            raise ComponentError(
                "localization needs a number of steps per clip", "set `steps` in [data], e.g. that of the longest clip"
            )

    @cached_property
    def table(self) -> Segments:
        """The labels."""
        return read_segments(self.at(self.config.segments), self.clips.known, tuple(self.data.config.features))

    @property
    def classes(self) -> tuple[str, ...]:
        """All labels of the table, in alphabetical order, and background."""
        return (*self.table.classes, BACKGROUND)

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """F1, precision and recall of all labels but background."""
        return {
            "segment_f1": segment_f1,
            "precision": foreground(micro_precision),
            "recall": foreground(micro_recall),
        }

    @property
    def defects(self) -> FileDefects:
        """Labels of unknown clips."""
        return self.table.defects

    def is_labelled(self, clip: str) -> bool:
        """Every clip is, because seconds without a label are background."""
        return True

    def split(self, role: str, modality: str) -> ClipSplit:
        """The clips of a role that have the modality; labels beyond the end of a clip become defects of the split."""
        split = super().split(role, modality)
        track: Any = split.targets[modality]
        split.defects += _outside(self.table.path, split.all_ids, track)
        return split

    def targets(self, modality: str, clips: Sequence[str]) -> SegmentTrack:
        """Labels of each step in one modality."""
        names = [self.clips.names[modality][clip][0] for clip in clips]
        segments = [[each for each in self.table.of.get(clip, ()) if each.modality in ("", modality)] for clip in clips]
        steps: int = self.data.config.steps
        return SegmentTrack(self.clips.track(modality, names), segments, self.table.classes, self.clips.clock, steps)


def _outside(path: Path, clips: Sequence[str], track: SegmentTrack) -> FileDefects:
    """Labels that end after the last step of their clip; of these, what is inside counts."""
    return FileDefects(
        tuple(
            FileDefect("label beyond the end of its clip", f"{path}:{segment.line}", clip)
            for number, clip in enumerate(clips)
            for segment in track.segments[number]
            if labelled_steps(segment, track.clock)[1] > track.features.length(number)
        )
    )
