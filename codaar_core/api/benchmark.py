"""Benchmark: train a head on one modality, test it on another."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import ClassVar, NamedTuple

import attrs
import torch
from torch import Tensor

from codaar_core.api.component import Component
from codaar_core.api.data import DataSource, Split

Metric = Callable[[Tensor, Tensor], "Tensor | float"]
"""(prediction, target) of a whole split -> one number. A torchmetrics metric is one."""


class Transfer(NamedTuple):
    """Train on one modality, test on another."""

    train: str
    test: str


class Predicted(NamedTuple):
    """What a head says about the test clips seen through one modality, and what is true there."""

    prediction: Tensor  # (N, ...)
    target: Tensor  # (N, ...)


@attrs.frozen
class BenchmarkContext:
    """What is known when a benchmark is built."""

    modalities: tuple[str, ...]
    data: DataSource  # of the pretraining; a benchmark may bring its own
    mode: str  # "strict" or "as-published"


class Benchmark(Component):
    """A task with labels: its data, its transfers, its metrics, and the numbers others published."""

    kind: ClassVar[str] = "benchmark"
    head: ClassVar[str]  # the head used when the recipe names none
    published: ClassVar[Mapping[str, float]] = {}  # "train->test/metric": number, shown beside ours

    def __init__(self, config: object, context: BenchmarkContext) -> None:
        super().__init__(config, context)
        self.modalities = context.modalities

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """Names of the outputs of a head."""

    @property
    @abstractmethod
    def metrics(self) -> Mapping[str, Metric]:
        """Metrics by name, higher is better; the first is the headline."""

    @abstractmethod
    def split(self, role: str, modality: str) -> Split:
        """The clips of ``role`` ("train" or "test") for a modality; targets[modality] must be there."""

    def transfers(self) -> Sequence[Transfer]:
        """Pairs to report: every ordered pair of different modalities."""
        return [Transfer(*pair) for pair in permutations(self.modalities, 2)]

    def caveat(self, transfer: Transfer) -> str:
        """Why a transfer must not be headlined (e.g. one modality spells out the label); empty where it may."""
        return ""

    def score(self, source: Predicted, target: Predicted) -> dict[str, float]:
        """Measure a transfer on the test clips.

        Args:
            source: Seen through the modality that the head was trained on.
            target: Seen through the other modality; a labelled benchmark needs only this one.
        """
        return {name: float(metric(target.prediction, target.target)) for name, metric in self.metrics.items()}

    @abstractmethod
    def constants(self, target: Tensor) -> Iterator[Tensor]:
        """Predictions that ignore the input, one a class; the best of them is reported beside every score."""

    @abstractmethod
    def guess(self, target: Tensor, generator: torch.Generator) -> Tensor:
        """One uniformly random prediction in the shape of ``target``: its mean score is reported as chance."""
