"""Bases of benchmarks by what heads predict: one label per clip, labels per second, or an embedding to search with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from codaar_core.api import Benchmark, Metric, Predicted
from codaar_plugin_cmg.metrics import expected_recall, standing


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


class Items(Benchmark):
    """A benchmark that finds the same item in another modality by the cosine of embeddings, without training.

    Predictions are embeddings (N, W), targets the number of the item (N,) of each; an item may have several.
    """

    head = "mean-code"
    ranks: ClassVar[tuple[int, ...]] = (1, 5, 10)
    guess_width: ClassVar[int] = 16

    @property
    def classes(self) -> tuple[str, ...]:
        """No classes: embeddings are compared."""
        return ()

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """Expected recall, of (similarity, relevance)."""
        return {f"R@{k}": partial(expected_recall, k=k) for k in self.ranks}

    def score(self, source: Predicted, target: Predicted) -> dict[str, float]:
        """Search the item of every source entry among the target entries."""
        queries, gallery = F.normalize(source.prediction, dim=-1), F.normalize(target.prediction, dim=-1)
        found = standing(queries @ gallery.T, source.target.unsqueeze(1) == target.target)
        return {f"R@{k}": found.expected(k) for k in self.ranks}

    def constants(self, target: Tensor) -> Iterator[Tensor]:
        """The same embedding for all."""
        yield torch.ones(len(target), 1)

    def guess(self, target: Tensor, generator: torch.Generator) -> Tensor:
        """Random embeddings."""
        return torch.randn(len(target), self.guess_width, generator=generator)
