"""Benchmark "digits-retrieval": the same clip in another modality, by the cosine of mean codes, without training."""

from __future__ import annotations

from codaar_plugin_cmg.labels import Items

from codaar_plugin_digits.clips import Clips
from codaar_plugin_digits.digits import CAPTIONS
from codaar_plugin_digits.source import DigitsBenchmark


class DigitsRetrieval(Items, DigitsBenchmark):
    """Digit retrieval: the same clip in another modality, by the cosine of mean codes.

    Text has five entries per item.
    """

    def split(self, role: str, modality: str) -> Clips:
        """Test clips; there are no others, as nothing is trained."""
        return self.open(CAPTIONS if modality == "text" else f"retrieval/{role}", modality)
