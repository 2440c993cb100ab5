"""Benchmark "files-regression": some numbers per clip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import attrs
import numpy as np
import torch
from torch import Tensor

from codaar_core.api import Measure, setting
from codaar_core.features import FileDefects, RowTrack
from codaar_plugin_files.benchmark import FilesBenchmark
from codaar_plugin_files.tables import Numbers, read_numbers

SMALLEST = 1e-6  # standard deviation that is still divided by


class FilesRegression(FilesBenchmark):
    """Regression on your own clips: one or several numbers per clip, from a table id,NAME,...

    Targets are in standard deviations from the mean of the training clips, so that columns of any unit can be learned.
    """

    head = "clip-regressor"

    @attrs.frozen(kw_only=True)
    class Config(FilesBenchmark.Config):
        """Settings of the regression on your own clips."""

        values: str = setting("values.csv", "table id,NAME,...; relative to `root` of the data")
        columns: tuple[str, ...] = setting((), "columns of the table to predict; []: all besides the id")

    @cached_property
    def table(self) -> Numbers:
        """The numbers."""
        return read_numbers(self.at(self.config.values), self.config.columns, self.clips.known)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self.table.columns

    @property
    def metrics(self) -> Mapping[str, Measure]:
        """R^2, the mean over columns, and the root mean square error in standard deviations of the training clips."""
        return {"r2": Measure(r_squared, unit=""), "rmse": Measure(rmse, unit="sd", higher_is_better=False)}

    @property
    def defects(self) -> FileDefects:
        """Numbers of unknown clips, and clips without numbers."""
        return self.table.defects

    def is_labelled(self, clip: str) -> bool:
        """Whether the table has the clip."""
        return clip in self.table.of

    def targets(self, modality: str, clips: Sequence[str]) -> RowTrack:
        """Standardised numbers of each clip (columns,), float32, the same in every modality."""
        centre, scale = self._standard
        values = (self._values(clips) - centre) / scale
        return RowTrack(values.astype(np.float32), np.arange(len(clips)))

    @cached_property
    def _standard(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of each column over the training clips."""
        values = self._values([clip for clip in self.in_role("train") if self.is_labelled(clip)])
        if not len(values):
            values = np.zeros((1, len(self.classes)))
        return values.mean(0), np.maximum(values.std(0), SMALLEST)

    def _values(self, clips: Sequence[str]) -> np.ndarray:
        return np.array([self.table.of[clip] for clip in clips], dtype=np.float64).reshape(-1, len(self.classes))

    def constants(self, target: Tensor) -> Iterator[Tensor]:
        """The mean of the training clips."""
        yield torch.zeros_like(target)

    def guess(self, target: Tensor, generator: torch.Generator) -> Tensor:
        """Uniform numbers with the mean and standard deviation of the training clips."""
        return (2 * torch.rand(target.shape, generator=generator, dtype=target.dtype) - 1) * 3**0.5


def r_squared(prediction: Tensor, target: Tensor) -> float:
    """1 - squared error / variance of the target, the mean over columns; columns without variance count as rmse."""
    prediction, target = prediction.double(), target.double()
    error = (prediction - target).square().sum(0)
    spread = (target - target.mean(0)).square().sum(0)
    return float((1 - error / torch.where(spread > 0, spread, len(target))).mean())


def rmse(prediction: Tensor, target: Tensor) -> float:
    """Root mean square error over clips and columns."""
    return float((prediction.double() - target.double()).square().mean().sqrt())
