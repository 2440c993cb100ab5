"""Task heads that break what only heads must keep."""

from __future__ import annotations

from good_components import GoodHead
from torch.nn import functional as F

from wrong.register import alters, breaks


@breaks("sees-codes-only", "it should take (self, quantized)")
class SeesFeatures(GoodHead):
    """Wants the features beside the codes."""

    def forward(self, quantized, features=None):
        return super().forward(quantized)


@breaks("predictions", "for 4 clips")
class OnePrediction(GoodHead):
    """One answer for all."""

    def predict(self, logits):
        return logits.mean(0).argmax(-1, keepdim=True)


@breaks("predictions", "but its loss takes targets")
class PredictsLogits(GoodHead):
    """Forgets to decide."""

    def predict(self, logits):
        return logits


@breaks("scalar-loss", "gives no scalar for any kind of target")
class LossPerClip(GoodHead):
    """Forgets to average."""

    def loss(self, logits, target):
        return F.cross_entropy(logits, target, reduction="none")


@breaks("learns", "check the sign of the loss")
class LearnsBackwards(GoodHead):
    """The sign is wrong."""

    def loss(self, logits, target):
        return 10 - F.cross_entropy(logits, target).clamp(max=5)


@alters(GoodHead, "forward", "learns", "in 30 steps")
def learns_nothing(logits):
    """Does not look."""
    return 0 * logits
