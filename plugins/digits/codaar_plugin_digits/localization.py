"""Which digits are heard, or seen, in each second: runs of 1-3 seconds that differ between modalities, as in AVVP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from codaar_core.api import Metric
from codaar_plugin_digits.clips import Clips
from codaar_plugin_digits.metrics import micro_precision, segment_f1
from codaar_plugin_digits.source import DigitsBenchmark
from codaar_plugin_digits.words import DIGITS


class DigitsLocalization(DigitsBenchmark):
    """Name the digits of every second, in AVVP's manner.

    Predictions and targets are multi-hot (N, 10, 11); the last class is background.
    """

    head = "segment-classifier"

    @property
    def classes(self) -> tuple[str, ...]:
        """The ten digits and background."""
        return (*DIGITS, "background")

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """F1 of the digits, and the precision that CMG papers report."""
        return {"segment_f1": segment_f1, "micro_precision": micro_precision}

    def split(self, role: str, modality: str) -> Clips:
        """Clips of new images and new sounds for each role."""
        return self.open(f"localization/{role}", modality)

    def constants(self, target: Tensor) -> Iterator[Tensor]:
        """The same class in every second."""
        return (self._one_hot(torch.full(target.shape[:-1], index), target) for index in range(len(self.classes)))

    def guess(self, target: Tensor, generator: torch.Generator) -> Tensor:
        """Any one class in each second."""
        return self._one_hot(torch.randint(len(self.classes), target.shape[:-1], generator=generator), target)

    def _one_hot(self, index: Tensor, target: Tensor) -> Tensor:
        return F.one_hot(index, len(self.classes)).to(target.dtype)
