"""Selects the epoch of a head that is scored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from types import MappingProxyType

import torch

from codaar_core.api import Benchmark, Predicted, Quantizer, TaskHead
from codaar_core.engine.evaluation.encode_split import BATCH, EncodedSplit, head_inputs


class EpochSelector:
    """Selects an epoch of a head while it is trained, according to the benchmark's ``selection``.

    Of equally good epochs the earliest is selected. "target-validation" and "test" may select a different epoch for
    each tested modality: the predictions of these epochs are kept, and the weights of the last epoch.

    Args:
        head: The head; must be in evaluation mode at ``end_epoch``.
        benchmark: Defines the selection and the score.
        modality: The modality that the head is trained on.
        quantizer: Looks up the codes.
        test: Test clips by modality.
        validation: Validation clips by modality, as far as the selection needs them.
        batch: Clips predicted at once.

    Attributes:
        predictions: Predictions of the test clips by modality; complete after ``finish``.
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

    def end_epoch(self) -> None:
        """Evaluate the head after an epoch, and keep its weights or predictions if they are the best so far."""
        if self.benchmark.selection == "validation":
            self._keep_weights()
        elif self.benchmark.selection == "target-validation":
            self._keep_predictions(self._predict(self.validation))
        elif self.benchmark.selection == "test":
            self._keep_predictions(self._predict(self.test))

    def finish(self) -> EpochSelector:
        """Restore the selected weights, calibrate the head, complete the predictions and return this selector."""
        self.head.eval()
        if self._weights is not None:
            self.head.load_state_dict(self._weights)
        if self.benchmark.calibrated:
            validation = self.validation[self.modality]
            self.head.calibrate(head_outputs(self.head, self.quantizer, validation, self.batch), validation.target)
        if not self.predictions:
            self.predictions = self._predict(self.test)
        return self

    def _keep_weights(self) -> None:
        predicted = self._predict(self.validation)[self.modality]
        if self._improves(self.modality, predicted, predicted):
            self._weights = deepcopy(self.head.state_dict())

    def _keep_predictions(self, predicted: Mapping[str, Predicted]) -> None:
        source = predicted[self.modality]
        better = [modality for modality, target in predicted.items() if self._improves(modality, source, target)]
        self.predictions |= self._predict({modality: self.test[modality] for modality in better})

    def _improves(self, name: str, source: Predicted, target: Predicted) -> bool:
        headline, measure = next(iter(self.benchmark.measures.items()))
        score = self.benchmark.score(source, target)[headline]
        better = measure.better(score, self._best.get(name, measure.worst))
        if better:
            self._best[name] = score
        return better

    def _predict(self, clips: Mapping[str, EncodedSplit]) -> dict[str, Predicted]:
        return {
            modality: predict(self.head, self.quantizer, encoded, self.batch) for modality, encoded in clips.items()
        }


@torch.no_grad()
def predict(head: TaskHead, quantizer: Quantizer, encoded: EncodedSplit, batch: int = BATCH) -> Predicted:
    """Return the predictions and targets of all clips, on the CPU; ``batch`` clips are predicted at once."""
    outputs = [head.predict(logits) for logits in _logits(head, quantizer, encoded, batch)]
    return Predicted(torch.cat(outputs).cpu(), encoded.target.cpu())


@torch.no_grad()
def head_outputs(head: TaskHead, quantizer: Quantizer, encoded: EncodedSplit, batch: int = BATCH) -> torch.Tensor:
    """Return the logits of all clips, on the device; ``batch`` clips are computed at once."""
    return torch.cat(list(_logits(head, quantizer, encoded, batch)))


def _logits(head: TaskHead, quantizer: Quantizer, encoded: EncodedSplit, batch: int) -> Iterator[torch.Tensor]:
    rows = torch.arange(len(encoded.indices), device=encoded.indices.device)
    for number, part in enumerate(rows.split(batch)):
        clips = range(number * batch, number * batch + len(part))
        yield head(*head_inputs(quantizer, encoded, part, encoded.split.given(list(clips))))
