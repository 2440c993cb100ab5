"""Task heads that break what only heads must keep."""

from __future__ import annotations

from good_components import GoodHead
from torch.nn import functional as F

from wrong.register import alters, breaks, replaces


@breaks("sees-codes-only", "it should take (self, quantized)")
class SeesFeatures(GoodHead):
    """Wants the features beside the codes."""

    def forward(self, quantized, features=None):
        return super().forward(quantized)


@replaces(GoodHead, "predict", "predictions", "for 4 clips")
def one_prediction(self, logits):
    """One answer for all."""
    return logits.mean(0).argmax(-1, keepdim=True)


@replaces(GoodHead, "predict", "predictions", "but its loss takes targets")
def predicts_logits(self, logits):
    """Forgets to decide."""
    return logits


@breaks("several-codes", "logits differ where a step has two indices (B, T, 2) for the same vectors")
class CountsIndices(GoodHead):
    """Adds up the indices too."""

    def forward(self, quantized):
        return super().forward(quantized) + quantized.indices.flatten(1).sum(1, keepdim=True)


@breaks("calibration-kept", "sets something that is not in its state dict")
class ForgetfulThreshold(GoodHead):
    """Keeps a threshold outside its buffers."""

    threshold = 0.0

    def calibrate(self, logits, target):
        self.threshold = float(logits.mean()) + 100

    def predict(self, logits):
        return (logits > self.threshold).long().argmin(-1) if self.threshold else logits.argmax(-1)


@replaces(GoodHead, "loss", "scalar-loss", "gives no scalar for any kind of target")
def loss_per_clip(self, logits, target):
    """Forgets to average."""
    return F.cross_entropy(logits, target, reduction="none")


@replaces(GoodHead, "loss", "learns", "check the sign of the loss")
def learns_backwards(self, logits, target):
    """The sign is wrong."""
    return 10 - F.cross_entropy(logits, target).clamp(max=5)


@alters(GoodHead, "forward", "learns", "in 30 steps")
def learns_nothing(logits):
    """Does not look."""
    return 0 * logits
