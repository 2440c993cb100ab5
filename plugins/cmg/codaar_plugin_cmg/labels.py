"""Predictions that ignore the input, for benchmarks with one label per clip or with labels per second."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from codaar_core.api import Benchmark


class ClipLabels(Benchmark):
    """A benchmark whose predictions and targets are class indices (N,)."""

    def constants(self, target: Tensor) -> Iterator[Tensor]:
        """The same class for every clip."""
        return (torch.full_like(target, index) for index in range(len(self.classes)))

    def guess(self, target: Tensor, generator: torch.Generator) -> Tensor:
        """A random class for every clip."""
        return torch.randint(len(self.classes), target.shape, generator=generator)


class SegmentLabels(Benchmark):
    """A benchmark whose predictions and targets are multi-hot (N, T, classes); the last class is background."""

    def constants(self, target: Tensor) -> Iterator[Tensor]:
        """The same class in every second."""
        return (self._one_hot(torch.full(target.shape[:-1], index), target) for index in range(len(self.classes)))

    def guess(self, target: Tensor, generator: torch.Generator) -> Tensor:
        """One random class in each second."""
        return self._one_hot(torch.randint(len(self.classes), target.shape[:-1], generator=generator), target)

    def _one_hot(self, index: Tensor, target: Tensor) -> Tensor:
        return F.one_hot(index, len(self.classes)).to(target.dtype)
