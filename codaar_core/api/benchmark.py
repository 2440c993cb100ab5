"""Benchmark: train a head on one modality, test it on another."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import permutations
from typing import ClassVar, Literal, NamedTuple

import attrs
import torch
from torch import Tensor

from codaar_core.api.component import Component
from codaar_core.api.data import Card, DataSource, Split
from codaar_core.api.errors import ComponentError
from codaar_core.api.records import Space

Metric = Callable[[Tensor, Tensor], "Tensor | float"]
"""(prediction, target) of a whole split -> one number. A torchmetrics metric is one."""


@attrs.frozen
class Measure:
    """A metric with its unit and its direction; it is called like the metric itself.

    Args:
        function: The metric.
        unit: "%" for a fraction from 0 to 1, which reports multiply by 100; any other unit is printed after the plain
            value, e.g. "N"; "" for a value without unit, e.g. R^2.
        higher_is_better: False for an error, e.g. RMSE.
    """

    function: Metric
    unit: str = attrs.field(default="%", kw_only=True)
    higher_is_better: bool = attrs.field(default=True, kw_only=True)

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor | float:
        """Compute the metric."""
        return self.function(prediction, target)

    @property
    def worst(self) -> float:
        """A score that every finite one is better than."""
        return -math.inf if self.higher_is_better else math.inf

    def better(self, score: float, other: float) -> bool:
        """Whether ``score`` is better than ``other``; False where one of them is NaN."""
        return score > other if self.higher_is_better else score < other

    def best(self, scores: Sequence[float]) -> float:
        """The best of several scores."""
        return max(scores) if self.higher_is_better else min(scores)


Selection = Literal["last", "validation", "target-validation", "test"]
"""The epoch of a head that counts: its last; the best on validation clips, seen through the modality it is trained on;
or, for comparison with published numbers, for each transfer the best on validation clips seen through the modality it
is tested on, or on the test clips themselves: an oracle."""


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
    """A task with labels: its data, its transfers, its metrics, and the numbers others published.

    Raises:
        ComponentError: The model lacks a modality that the benchmark needs.
    """

    kind: ClassVar[str] = "benchmark"
    head: ClassVar[str]  # the head used when the recipe names none
    card: ClassVar[Card | None] = None  # what a user must know of its data, where it brings its own
    needs: ClassVar[tuple[str, ...]] = ()  # modalities that it speaks of by name: the model must have them

    def __init__(self, config: object, context: BenchmarkContext) -> None:
        super().__init__(config, context)
        absent = [modality for modality in self.needs if modality not in context.modalities]
        if absent:
            raise ComponentError(
                f"this benchmark is about {' and '.join(self.needs)}, and the model has no {absent[0]!r}",
                "leave it out of evaluate.on, or add this modality to model.modalities",
            )
        self.modalities = context.modalities

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """Names of the outputs of a head."""

    @property
    @abstractmethod
    def metrics(self) -> Mapping[str, Metric | Measure]:
        """Metrics by name; the first is the headline.

        A plain callable gives a fraction from 0 to 1 of which higher is better, like accuracy; a ``Measure`` states
        its unit and direction.
        """

    @property
    def measures(self) -> Mapping[str, Measure]:
        """``metrics`` with the unit and direction of each."""
        return {name: each if isinstance(each, Measure) else Measure(each) for name, each in self.metrics.items()}

    @abstractmethod
    def split(self, role: str, modality: str) -> Split:
        """The clips of ``role`` for a modality; targets[modality] must be there.

        Roles are "train", "test" and, where ``selection`` asks for them, "validation".
        """

    @property
    def extraction(self) -> Mapping[str, str]:
        """What made the features, by modality, where the benchmark brings data of its own; see ``DataSource``."""
        return {}

    @property
    def given(self) -> Space | None:
        """Space of ``Split.given``; None where heads see codes alone."""
        return None

    @property
    def selection(self) -> Selection:
        """Which epoch of a head counts: see ``Selection``."""
        return "last"

    @property
    def dropout(self) -> bool:
        """Whether encoders keep their dropout while codes are read for training a head, as in the released code."""
        return False

    @property
    def summarised(self) -> Collection[str]:
        """Modalities of which a whole clip becomes one code: ``Encoder.summary`` is quantized, not every step."""
        return ()

    def transfers(self) -> Sequence[Transfer]:
        """Pairs to report: every ordered pair of different modalities."""
        return [Transfer(*pair) for pair in permutations(self.modalities, 2)]

    @property
    def published(self) -> Mapping[str, float]:
        """Numbers of others, on the scale of ``metrics``, shown beside ours: "train->test/metric"."""
        return {}

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
