"""Benchmark "digits-localization": the digits of every second, with events of 1-3 seconds per modality, as in AVVP."""

from __future__ import annotations

from collections.abc import Mapping

from codaar_plugin_cmg.labels import SegmentLabels
from codaar_plugin_cmg.metrics import micro_precision, segment_f1

from codaar_core.api import Metric
from codaar_plugin_digits.clips import Clips
from codaar_plugin_digits.source import DigitsBenchmark
from codaar_plugin_digits.words import DIGITS


class DigitsLocalization(SegmentLabels, DigitsBenchmark):
    """Digit localization: the digits of every second, as in AVVP."""

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
        """Clips of a role in one modality; each role has its own images and recordings."""
        return self.open(f"localization/{role}", modality)
