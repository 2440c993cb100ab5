"""Benchmark "digits-classification": the digit of a clip, which has one event of 4-10 seconds, as in AVE."""

from __future__ import annotations

from collections.abc import Mapping

from codaar_plugin_cmg.labels import ClipLabels
from codaar_plugin_cmg.metrics import accuracy, macro_precision

from codaar_core.api import Metric
from codaar_plugin_digits.clips import Clips
from codaar_plugin_digits.source import DigitsBenchmark
from codaar_plugin_digits.words import DIGITS


class DigitsClassification(ClipLabels, DigitsBenchmark):
    """Digit classification: one digit per clip, as in AVE."""

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
        """Clips of a role in one modality; each role has its own images and recordings."""
        return self.open(f"classification/{role}", modality)
