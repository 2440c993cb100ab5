"""Benchmark: trains a head on one modality and tests it on another."""

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
"""The epoch of a head that is scored.

"last": the last epoch. "validation": the best epoch on validation clips in the training modality. The other two choose
an epoch for each transfer, for comparison with published numbers: "target-validation" the best on validation clips in
the tested modality, "test" the best on the test clips, an oracle.
"""


class Transfer(NamedTuple):
    """A pair of modalities.

    Attributes:
        train: The modality that the head is trained on.
        test: The modality that it is tested on.
    """

    train: str
    test: str


class Predicted(NamedTuple):
    """Predictions of a head for N clips in one modality, with their targets.

    Attributes:
        prediction: Results of ``TaskHead.predict`` (N, ...).
        target: Targets of the benchmark (N, ...).
    """

    prediction: Tensor
    target: Tensor


def _no_other(name: str) -> Benchmark:
    raise ComponentError(f"there is no other benchmark {name!r}", "this benchmark was built without a recipe")


@attrs.frozen
class BenchmarkContext:
    """Passed to a benchmark when it is built.

    Attributes:
        modalities: Names of the model's modalities, in order.
        data: Data source of pretraining; a benchmark may use data of its own instead.
        mode: "strict" or "as-published".
        other: Builds another benchmark that the recipe switches on, by its name in the recipe. A benchmark that calls
            it states the name in ``Benchmark.builds_on``. Raises ComponentError: there is no such benchmark.
    """

    modalities: tuple[str, ...]
    data: DataSource
    mode: str
    other: Callable[[str], Benchmark] = _no_other


class Benchmark(Component):
    """A downstream task: its data, transfers, metrics and published numbers.

    Attributes:
        head: Name of the head used if the recipe names none.
        card: Card of the benchmark's own data; None if it uses the data of pretraining.
        needs: Modalities that the model must have.

    Raises:
        ComponentError: The model lacks a modality of ``needs``.
    """

    kind: ClassVar[str] = "benchmark"
    head: ClassVar[str]
    card: ClassVar[Card | None] = None
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, config: object, context: BenchmarkContext) -> None:
        super().__init__(config, context)
        absent = [modality for modality in self.needs if modality not in context.modalities]
        if absent:
            raise ComponentError(
                f"this benchmark needs {' and '.join(self.needs)}, and the model has no {absent[0]!r}",
                "remove it from evaluate.on, or add this modality to model.modalities",
            )
        self.modalities = context.modalities

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """Names of the outputs of a head, e.g. the classes."""

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
        """Open the clips of ``role`` in one modality; their batches must have ``targets[modality]``.

        Args:
            role: "train", "test" or, if ``selection`` or ``calibrated`` needs it, "validation".
            modality: A modality of ``transfers``.

        Raises:
            DataError: Files are missing or damaged.
        """

    @property
    def extraction(self) -> Mapping[str, str]:
        """Extractor of the features, by modality, if the benchmark has its own data; see ``DataSource.extraction``."""
        return {}

    @property
    def given(self) -> Space | None:
        """Space of ``Split.given``, the additional input of heads; None if heads read codes only."""
        return None

    @property
    def selection(self) -> Selection:
        """The epoch of a head that is scored; see ``Selection``."""
        return "last"

    @property
    def calibrated(self) -> bool:
        """Whether ``TaskHead.calibrate`` is called on validation clips after a head is trained."""
        return False

    @property
    def builds_on(self) -> Collection[str]:
        """Names of the benchmarks that this one got from ``BenchmarkContext.other``."""
        return ()

    @property
    def dropout(self) -> bool:
        """Whether encoder dropout stays on while a head is trained, as in the released code."""
        return False

    @property
    def summarised(self) -> Collection[str]:
        """Modalities in which a whole clip becomes one code, by ``Encoder.summary``, not one code per time step."""
        return ()

    def transfers(self) -> Sequence[Transfer]:
        """Return the pairs to report; by default every ordered pair of different modalities."""
        return [Transfer(*pair) for pair in permutations(self.modalities, 2)]

    @property
    def published(self) -> Mapping[str, float]:
        """Published numbers on the scale of ``metrics``, reported beside the results; keys "train->test/metric"."""
        return {}

    def caveat(self, transfer: Transfer) -> str:
        """Return why a transfer is not a headline result, e.g. because one modality contains the label; else ""."""
        return ""

    def score(self, source: Predicted, target: Predicted) -> dict[str, float]:
        """Compute all metrics of a transfer on the test clips.

        Args:
            source: Predictions in the modality that the head was trained on; used e.g. for retrieval.
            target: Predictions in the tested modality; all that a benchmark with labels needs.

        Returns:
            Scores by metric.
        """
        return {name: float(metric(target.prediction, target.target)) for name, metric in self.metrics.items()}

    @abstractmethod
    def constants(self, target: Tensor) -> Iterator[Tensor]:
        """Yield predictions that ignore the input, e.g. one per class; the best score is reported beside the results.

        Args:
            target: Targets of the test clips (N, ...).
        """

    @abstractmethod
    def guess(self, target: Tensor, generator: torch.Generator) -> Tensor:
        """Return a uniformly random prediction for all clips; the mean score of several is reported as chance level.

        Args:
            target: Targets of the test clips (N, ...).
            generator: Source of randomness, on the CPU.
        """
