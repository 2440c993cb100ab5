"""Which digit a clip shows: one event in a window of 4-10 seconds, in AVE's manner."""

from __future__ import annotations

from collections.abc import Mapping

from codaar_plugin_cmg.labels import ClipLabels
from codaar_plugin_cmg.metrics import accuracy, macro_precision

from codaar_core.api import Metric
from codaar_plugin_digits.clips import Clips
from codaar_plugin_digits.source import DigitsBenchmark
from codaar_plugin_digits.words import DIGITS


class DigitsClassification(ClipLabels, DigitsBenchmark):
    """Classify clips of one digit, in AVE's manner."""

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
