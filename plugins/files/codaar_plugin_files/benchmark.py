"""Base of the four benchmarks on the data source ``files``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from codaar_core.api import Benchmark, BenchmarkContext, ComponentError, Selection, setting
from codaar_core.features import ClipSplit, FileDefects, Track
from codaar_plugin_files.source import Files

VALIDATION = "validation"


class FilesBenchmark(Benchmark):
    """A benchmark on the splits of ``Files``, between all modalities of the model.

    Heads are trained on the split "train" (or "pretrain" where the data have no other) and scored on "test". If the
    data have a split "validation", the epoch that is best on it in the modality of training is scored, else the last.

    Raises:
        ComponentError: The data are of another source, or the mode is not "strict".
    """

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of all benchmarks on your own files."""

        test: str = setting("test", "split that is scored")

    def __init__(self, config: Any, context: BenchmarkContext) -> None:
        super().__init__(config, context)
        if not isinstance(context.data, Files):
            raise ComponentError(
                f"this benchmark needs the data source files, and the recipe uses {type(context.data).__name__}",
                'set [data] use = "files", or leave this benchmark out of evaluate.on',
            )
        if context.mode != "strict":
            raise ComponentError(
                f"mode {context.mode!r} needs published results, and this benchmark has none",
                'set evaluate.mode = "strict"',
            )
        self.data = context.data
        self.clips = context.data.clips

    @property
    def selection(self) -> Selection:
        """The best epoch on the validation clips, if there are any; else the last."""
        return "validation" if VALIDATION in self.clips.division.splits else "last"

    def at(self, path: str) -> Path:
        """A path relative to the root of the data."""
        return self.clips.at(path)

    def split(self, role: str, modality: str) -> ClipSplit:
        """The labelled clips of a role that have the modality."""
        arrays = self.clips.names[modality]
        chosen = [clip for clip in self.in_role(role) if clip in arrays and self.is_labelled(clip)]
        names = {modality: [arrays[clip][0] for clip in chosen]}
        return self.data.opened(chosen, names, {modality: self.targets(modality, chosen)}, self.defects)

    def in_role(self, role: str) -> tuple[str, ...]:
        """Clips of "train", "validation" or "test"."""
        return self.clips.in_split(self.config.test if role == "test" else role)

    @abstractmethod
    def is_labelled(self, clip: str) -> bool:
        """Whether a clip has a label."""

    @abstractmethod
    def targets(self, modality: str, clips: Sequence[str]) -> Track:
        """Labels of chosen clips."""

    @property
    @abstractmethod
    def defects(self) -> FileDefects:
        """Tolerated defects of the table of labels."""
