"""The clip classifier with a threshold below which a clip belongs to no known class."""

from __future__ import annotations

from typing import ClassVar

import attrs
import torch
from attrs.validators import and_, ge, lt
from codaar_plugin_cmg.heads import ClipClassifier
from torch import Tensor

from codaar_core.api import HeadContext, setting


class OpenSetClassifier(ClipClassifier):
    """Clip classifier that predicts the probabilities of known classes and a threshold, for the benchmark open-set.

    A clip is unknown if its largest probability is below the threshold. ``calibrate`` sets the threshold to a quantile
    of the largest probabilities of validation clips, all of known classes; before that it is 0.
    """

    threshold: Tensor  # scalar

    examples: ClassVar = ({"code": "own"}, {"pool": "mean"})
    expected_failures: ClassVar = {
        check: "predicts probabilities, which the open-set metrics compare with labels"
        for check in ("predictions", "learns")
    } | {"settings-matter": "rejected has an effect in calibrate only; channels are checked in the heads of cmg"}

    @attrs.frozen(kw_only=True)
    class Config(ClipClassifier.Config):
        """Settings of the open-set classifier."""

        rejected: float = setting(
            0.05, "share of the known validation clips below the threshold", and_(ge(0.0), lt(1.0))
        )

    def __init__(self, config: Config, context: HeadContext) -> None:
        super().__init__(config, context)
        self.register_buffer("threshold", torch.zeros(()))

    def calibrate(self, logits: Tensor, target: Tensor) -> None:
        """Set the threshold from the logits (N, classes) of validation clips; their targets are not read."""
        largest = logits.softmax(-1).amax(-1)
        self.threshold.copy_(torch.quantile(largest, self.config.rejected))

    def predict(self, logits: Tensor) -> Tensor:
        """The probabilities of the known classes, and the threshold in the last column: (B, classes + 1)."""
        threshold = self.threshold.to(logits.dtype).expand(len(logits), 1)
        return torch.cat([logits.softmax(-1), threshold], dim=-1)
