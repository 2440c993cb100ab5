"""Which epoch of a head counts."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from types import MappingProxyType

import torch

from codaar_core.api import Benchmark, Predicted, Quantizer, TaskHead
from codaar_core.engine.evaluation.encode_split import BATCH, EncodedSplit, look_up


class EpochSelector:
    """Watches a head in training and keeps what the benchmark's ``selection`` prefers.

    Ties are won by the earlier epoch. Selections that look through the tested modality may prefer another epoch for
    each: their predictions are kept, and the weights of the last epoch.

    Args:
        head: In evaluation mode whenever it is considered.
        modality: The one it is trained on.
        test: Test clips by modality.
        validation: Validation clips by modality, as far as the selection needs them.
        batch: Clips a prediction.

    Attributes:
        predictions: Of the test clips, by modality; complete once settled.
    """

    def __init__(
        self,
        head: TaskHead,
        benchmark: Benchmark,
        modality: str,
        quantizer: Quantizer,
        test: Mapping[str, EncodedSplit],
        validation: Mapping[str, EncodedSplit] = MappingProxyType({}),
        batch: int = BATCH,
    ) -> None:
        self.head = head
        self.benchmark = benchmark
        self.modality = modality
        self.quantizer = quantizer
        self.test = test
        self.validation = validation
        self.batch = batch
        self.predictions: dict[str, Predicted] = {}
        self._best: dict[str, float] = {}
        self._weights: dict[str, torch.Tensor] | None = None

    def consider(self) -> None:
        """Look at the head after an epoch."""
        if self.benchmark.selection == "validation":
            self._keep_weights()
        elif self.benchmark.selection == "target-validation":
            self._keep_predictions(self._predict(self.validation))
        elif self.benchmark.selection == "test":
            self._keep_predictions(self._predict(self.test))

    def settled(self) -> EpochSelector:
        """Take the preferred epoch for good."""
        self.head.eval()
        if self._weights is not None:
            self.head.load_state_dict(self._weights)
        if not self.predictions:
            self.predictions = self._predict(self.test)
        return self

    def _keep_weights(self) -> None:
        predicted = self._predict(self.validation)[self.modality]
        if self._improves(self.modality, predicted, predicted):
            self._weights = deepcopy(self.head.state_dict())

    def _keep_predictions(self, judged: Mapping[str, Predicted]) -> None:
        better = [modality for modality in judged if self._improves(modality, judged[self.modality], judged[modality])]
        self.predictions |= self._predict({modality: self.test[modality] for modality in better})

    def _improves(self, name: str, source: Predicted, target: Predicted) -> bool:
        headline, measure = next(iter(self.benchmark.measures.items()))
        score = self.benchmark.score(source, target)[headline]
        better = measure.better(score, self._best.get(name, measure.worst))
        if better:
            self._best[name] = score
        return better

    def _predict(self, clips: Mapping[str, EncodedSplit]) -> dict[str, Predicted]:
        return {modality: predict(self.head, self.quantizer, coded, self.batch) for modality, coded in clips.items()}


@torch.no_grad()
def predict(head: TaskHead, quantizer: Quantizer, coded: EncodedSplit, batch: int = BATCH) -> Predicted:
    """Predictions for every clip."""
    rows = torch.arange(len(coded.indices), device=coded.indices.device).split(batch)
    outputs = [head.predict(head(*look_up(quantizer, coded, part))) for part in rows]
    return Predicted(torch.cat(outputs).cpu(), coded.target.cpu())
