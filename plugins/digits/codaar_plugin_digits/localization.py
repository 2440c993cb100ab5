"""Which digits are heard, or seen, in each second: runs of 1-3 seconds that differ between modalities, as in AVVP."""

from __future__ import annotations

from collections.abc import Mapping

from codaar_plugin_cmg.labels import SegmentLabels
from codaar_plugin_cmg.metrics import micro_precision, segment_f1

from codaar_core.api import Metric
from codaar_plugin_digits.clips import Clips
from codaar_plugin_digits.source import DigitsBenchmark
from codaar_plugin_digits.words import DIGITS


class DigitsLocalization(SegmentLabels, DigitsBenchmark):
    """Name the digits of every second, in AVVP's manner."""

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
