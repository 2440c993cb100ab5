"""Benchmark "digits-retrieval": the same clip in another modality, by the cosine of mean codes, without training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import torch
from codaar_plugin_cmg.metrics import expected_recall, standing
from torch import Tensor
from torch.nn import functional as F

from codaar_core.api import Metric, Predicted
from codaar_plugin_digits.clips import Clips
from codaar_plugin_digits.digits import CAPTIONS
from codaar_plugin_digits.source import DigitsBenchmark

GUESS_WIDTH = 16
RANKS = (1, 5, 10)


class DigitsRetrieval(DigitsBenchmark):
    """Digit retrieval: the same clip in another modality, by the cosine of mean codes.

    Predictions are embeddings (N, W), targets the item (N,) of each; text has five entries per item.
    """

    head = "mean-code"

    @property
    def classes(self) -> tuple[str, ...]:
        """No classes: embeddings are compared."""
        return ()

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """Expected recall, of (similarity, relevance)."""
        return {f"R@{k}": partial(expected_recall, k=k) for k in RANKS}

    def split(self, role: str, modality: str) -> Clips:
        """Test clips; there are no others, as nothing is trained."""
        return self.open(CAPTIONS if modality == "text" else f"retrieval/{role}", modality)

    def score(self, source: Predicted, target: Predicted) -> dict[str, float]:
        """Search the item of every source entry among the target entries."""
        queries, gallery = F.normalize(source.prediction, dim=-1), F.normalize(target.prediction, dim=-1)
        relevant = source.target.unsqueeze(1) == target.target
        found = standing(queries @ gallery.T, relevant)
        return {f"R@{k}": found.expected(k) for k in RANKS}

    def constants(self, target: Tensor) -> Iterator[Tensor]:
        """The same embedding for all."""
        yield torch.ones(len(target), 1)

    def guess(self, target: Tensor, generator: torch.Generator) -> Tensor:
        """Random embeddings."""
        return torch.randn(len(target), GUESS_WIDTH, generator=generator)
