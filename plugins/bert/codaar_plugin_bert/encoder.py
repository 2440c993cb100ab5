"""Encoder of text: word-piece vectors (F,) -> BiLSTM -> latents, private features and reconstruction target."""

from __future__ import annotations

from typing import ClassVar, Literal

import attrs
from attrs.validators import ge
from torch import Tensor

from codaar_core.api import Encoded, Encoder, EncoderContext, Features, Space, setting
from codaar_core.nn import VectorSettings, check_vectors
from codaar_plugin_bert.bidirectional_lstm import BidirectionalLstm


class BertEncoder(Encoder):
    """BiLSTM, then attention over time; a linear map with ReLU beside it (released code of arXiv 2605.12145).

    The reconstruction target is the BiLSTM's output, (2 lstm_hidden,); a step is a word piece.

    Raises:
        ComponentError: The features are not vectors, or the heads do not divide the latent width.
    """

    example: ClassVar = {"lstm_hidden": 8, "private": 8, "feedforward": 16}
    examples: ClassVar = (
        {"padding": "read"},
        {"lstm_layers": 1, "detach_target": True, "private_activation": "none", "identical_layers": False},
        {"normalise": True},
        {"private": 0, "whole_clips": "training"},
        {"private": 0, "whole_clips": "always"},
    )
    expected_failures: ClassVar = {"[padding=read]:mask-passed-on": "padding counts like real steps (released code)"}

    @attrs.frozen(kw_only=True)
    class Config(VectorSettings):
        """Settings of the bert encoder."""

        lstm_layers: int = setting(2, "layers of the BiLSTM", ge(1))
        lstm_hidden: int = setting(128, "width of one direction of the BiLSTM", ge(1))
        padding: Literal["skipped", "read"] = setting(
            "skipped",
            'masked word pieces: "skipped" as if absent, "read" as zeros like any step (released code)',
        )
        detach_target: bool = setting(
            False, "detach the reconstruction target, so that it does not train the BiLSTM (released code: no)"
        )

    def __init__(self, config: Config, context: EncoderContext) -> None:
        super().__init__(config, context)
        check_vectors(context, "bert", "the last hidden state of BERT (768,)")
        self.length = context.input.length
        width = 2 * config.lstm_hidden
        self.words = BidirectionalLstm(context.input.width, config.lstm_hidden, config.lstm_layers)
        self.temporal = config.transformer(width, context)
        self.private_map = config.private_map(width)

    @property
    def private(self) -> Space | None:
        """(P,)."""
        return Space((self.config.private,), self.length) if self.private_map else None

    @property
    def target(self) -> Space:
        """(2 lstm_hidden,)."""
        return Space((2 * self.config.lstm_hidden,), self.length)

    @property
    def clipped_apart(self) -> tuple[BidirectionalLstm]:
        """The BiLSTM: the released code clips its gradients apart from the encoders'."""
        return (self.words,)

    def forward(self, features: Features) -> Encoded:
        """Encode (B, T, F)."""
        values, mask = features if self.config.padding == "skipped" else _padded(features)
        words = self.words(values, mask)
        target = words.detach() if self.config.detach_target else words
        private = self.private_map(words) if self.private_map else None
        return Encoded(self.temporal(words, mask), private, mask, target)

    def summary(self, features: Features) -> Encoded:
        """Encode each sentence as one step, (B, 1, D): the BiLSTM's mean over the real word pieces.

        Retrieval does so in the working code of CoDAAR's authors. Masked word pieces never count, whatever ``padding``
        says.
        """
        values, mask = features
        return Encoded(self.temporal(_mean(self.words(values, mask), mask)))


def _mean(words: Tensor, mask: Tensor | None) -> Tensor:
    """Mean over the real steps, (B, 1, F); masked ones are zero already."""
    if mask is None:
        return words.mean(dim=1, keepdim=True)
    return words.sum(dim=1, keepdim=True) / mask.sum(dim=1).clamp(min=1)[:, None, None]


def _padded(features: Features) -> Features:
    """Replace the masked steps by zeros and drop the mask."""
    values, mask = features
    return Features(values if mask is None else values.masked_fill(~mask[..., None], 0))
