"""Which digit a clip shows: one event in a window of 4-10 seconds, in AVE's manner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from codaar_core.api import Metric
from codaar_plugin_digits.clips import Clips
from codaar_plugin_digits.metrics import accuracy, macro_precision
from codaar_plugin_digits.source import DigitsBenchmark
from codaar_plugin_digits.words import DIGITS


class DigitsClassification(DigitsBenchmark):
    """Classify clips of one digit, in AVE's manner.

    Predictions and targets are class indices (N,).
    """

    head = "clip-classifier"

    @property
    def classes(self) -> tuple[str, ...]:
        """The ten digits."""
        return DIGITS

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """Accuracy, and the macro precision of the released CoDAAR code."""
        return {"accuracy": accuracy, "macro_precision": macro_precision}

    def split(self, role: str, modality: str) -> Clips:
        """Clips of new images and new sounds for each role."""
        return self.open(f"classification/{role}", modality)

    def constants(self, target: Tensor) -> Iterator[Tensor]:
        """Always the same digit."""
        return (torch.full_like(target, digit) for digit in range(len(DIGITS)))

    def guess(self, target: Tensor, generator: torch.Generator) -> Tensor:
        """Any digit."""
        return torch.randint(len(DIGITS), target.shape, generator=generator)
