"""Heads for any modality: one label per clip, labels per segment, or the mean code for retrieval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

import attrs
import torch
from attrs.validators import ge
from torch import Tensor, nn
from torch.nn import functional as F

from codaar_core.api import HeadContext, Quantized, TaskHead, setting
from codaar_plugin_cmg.channel_choice import head_channels

HOST = ("cpu",)  # devices whose tensors the host reads without waiting


class CodeHead(TaskHead):
    """A head on the full code of a step, or on the modality's own part of it; on all channels or on some.

    Raises:
        ComponentError: The number of channels does not fit the code.
    """

    chosen: Tensor | None  # (channels,) int64, the channels that are read; None: all

    examples: ClassVar = ({"code": "own"}, {"channels": 7, "channels_lowest": 2, "code": "own"})

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of all heads of this package."""

        code: Literal["full", "own"] = setting(
            "full", "code to read: full, that of all codebooks; own, only the codeword of the modality"
        )
        channels: int = setting(0, "number of code channels to read, chosen by TOC without training; 0: all", ge(0))
        channels_highest: int = setting(
            1, "share of the chosen channels that have the highest TOC scores, in parts", ge(0)
        )
        channels_lowest: int = setting(
            0, "share of the chosen channels that have the lowest TOC scores, in parts", ge(0)
        )

    def __init__(self, config: Config, context: HeadContext) -> None:
        super().__init__(config, context)
        self.width = (context.code_space if config.code == "full" else context.latent).width
        chosen = None
        if config.channels:
            parts = config.channels_highest, config.channels_lowest
            chosen = head_channels(context, config.code, config.channels, *parts)
            self.width = len(chosen)
        self.register_buffer("chosen", chosen)

    def read(self, quantized: Quantized) -> Tensor:
        """Give the chosen code (B, T, width), of the chosen channels."""
        code = quantized.full if self.config.code == "full" else quantized.own
        return code if self.chosen is None else code[..., self.chosen]

    def each(self, classifier: Callable[[Tensor], Tensor], quantized: Quantized) -> Tensor:
        """Apply a map of single codes (..., width) -> (..., V) to every step: (B, T, V).

        On a CPU each distinct code of the batch is mapped once, which gives the same result and is faster when a batch
        has fewer distinct codes than steps. On an accelerator the host would wait to learn how many there are, and of
        several codes a step the same combination is rare.
        """
        if quantized.indices.device.type not in HOST or quantized.levels > 1:
            return classifier(self.read(quantized))
        codes, place = distinct(self.read(quantized), quantized.indices, quantized.mask)
        return F.embedding(place, classifier(codes))


class ClipClassifier(CodeHead):
    """One label per clip: linear, pooling over time, linear; cross-entropy. The AVE head of CoDAAR's released code."""

    examples: ClassVar = (*CodeHead.examples, {"pool": "mean"})

    @attrs.frozen(kw_only=True)
    class Config(CodeHead.Config):
        """Settings of the clip classifier."""

        pool: Literal["max", "mean"] = setting(
            "max", "pooling over time: max (released), which a single wrong second can decide, or mean"
        )

    def __init__(self, config: Config, context: HeadContext) -> None:
        super().__init__(config, context)
        self.mix = nn.Linear(self.width, self.width)
        self.classify = nn.Linear(self.width, len(context.classes))

    def forward(self, quantized: Quantized) -> Tensor:
        """Give logits (B, classes); masked steps are ignored."""
        mixed = self.each(self.mix, quantized)
        pooled = maximum(mixed, quantized.mask) if self.config.pool == "max" else mean(mixed, quantized.mask)
        return self.classify(pooled)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy with class indices (B,)."""
        return F.cross_entropy(logits, target)

    def predict(self, logits: Tensor) -> Tensor:
        """The most probable class (B,)."""
        return logits.argmax(-1)


NEVER = -30.0  # logit of a label at a masked step: its probability and its loss are zero in float32


class SegmentClassifier(CodeHead):
    """Any number of labels per second: two linear layers, binary cross-entropy; masked seconds have no label."""

    def __init__(self, config: CodeHead.Config, context: HeadContext) -> None:
        super().__init__(config, context)
        self.mix = nn.Linear(self.width, self.width)
        self.classify = nn.Linear(self.width, len(context.classes))

    def forward(self, quantized: Quantized) -> Tensor:
        """Give logits (B, T, classes)."""
        logits = self.each(self.classifier, quantized)
        return logits if quantized.mask is None else logits.masked_fill(~quantized.mask.unsqueeze(-1), NEVER)

    def classifier(self, codes: Tensor) -> Tensor:
        """Give logits (N, classes) of single codes (N, width)."""
        return self.classify(self.mix(codes))

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Binary cross-entropy with multi-hot labels (B, T, classes), the mean over all elements."""
        return F.binary_cross_entropy_with_logits(logits, target.to(logits.dtype))

    def predict(self, logits: Tensor) -> Tensor:
        """The labels with a probability above one half, as zeros and ones (B, T, classes)."""
        return (logits > 0).to(logits.dtype)


class AveAvvpClassifier(SegmentClassifier):
    """The AVE->AVVP head of the released CoDAAR code: the segment classifier with ``ExpLogLoss`` as a second loss."""

    def __init__(self, config: CodeHead.Config, context: HeadContext) -> None:
        super().__init__(config, context)
        self.exp_log = ExpLogLoss(len(context.classes))

    @property
    def clipped_apart(self) -> Sequence[nn.Module]:
        """The weights of the loss are not part of the classifier."""
        return (self.exp_log,)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Binary cross-entropy plus ``ExpLogLoss``, with multi-hot labels (B, T, classes)."""
        return super().loss(logits, target) + self.exp_log(logits, target)


class AvvpClassifier(AveAvvpClassifier):
    """The AVVP head of the released CoDAAR code: two more linear layers, of half the width, and the same losses.

    Gradients of ``ExpLogLoss`` are not clipped: unlike that of AVE->AVVP, the released AVVP script leaves them out.
    """

    def __init__(self, config: CodeHead.Config, context: HeadContext) -> None:
        super().__init__(config, context)
        half = max(1, self.width // 2)
        self.narrow = nn.Linear(self.width, half)
        self.mix_again = nn.Linear(half, half)
        self.classify = nn.Linear(half, len(context.classes))

    @property
    def clipped_apart(self) -> Sequence[nn.Module]:
        """No module."""
        return ()

    @property
    def not_clipped(self) -> Sequence[nn.Module]:
        """The weights of the loss."""
        return (self.exp_log,)

    def classifier(self, codes: Tensor) -> Tensor:
        """Give logits (N, classes); no layer has an activation function, as released."""
        return self.classify(self.mix_again(self.narrow(self.mix(codes))))


class ExpLogLoss(nn.Module):
    """Cross-entropy whose classes have learned weights exp(-alpha), as in the released CoDAAR code.

    The loss is the mean over segments of ``-sum_c y_c log_softmax(x)_c exp(-alpha_c)``. Nothing limits
    alpha, which grows in training, so this term fades.
    """

    start = 0.1

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.full((classes,), self.start))

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Give the loss of multi-hot labels (..., classes), a scalar."""
        weighted = logits.log_softmax(-1) * (-self.alpha).exp()
        return -(target.to(logits.dtype) * weighted).sum(-1).mean()


class MeanCode(CodeHead):
    """The mean code of a clip, without parameters: section 5.1 of arXiv 2605.12145."""

    def forward(self, quantized: Quantized) -> Tensor:
        """Give embeddings (B, width); masked steps are ignored."""
        return mean(self.read(quantized), quantized.mask)

    def predict(self, logits: Tensor) -> Tensor:
        """The embeddings, unchanged."""
        return logits


def distinct(codes: Tensor, indices: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """The codes (B, T, W) of each index that occurs, (N, W), and the row of every step among them (B, T).

    All masked steps share one additional row.
    """
    if mask is not None:
        indices = indices.masked_fill(~mask, -1)
    _, place, counts = indices.unique(return_inverse=True, return_counts=True)
    first = place.flatten().argsort(stable=True)[counts.cumsum(0) - counts]
    return codes.flatten(0, 1)[first], place


def maximum(codes: Tensor, mask: Tensor | None) -> Tensor:
    """Maximum over the real steps: (B, T, W) -> (B, W)."""
    return codes.amax(1) if mask is None else codes.masked_fill(~mask.unsqueeze(-1), float("-inf")).amax(1)


def mean(codes: Tensor, mask: Tensor | None) -> Tensor:
    """Mean over the real steps: (B, T, W) -> (B, W)."""
    if mask is None:
        return codes.mean(1)
    real = mask.unsqueeze(-1).to(codes.dtype)
    return (codes * real).sum(1) / real.sum(1).clamp_min(1)
