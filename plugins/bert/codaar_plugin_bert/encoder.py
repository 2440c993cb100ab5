"""Encoder of text: word-piece vectors (F,) -> what a BiLSTM makes of them -> latents, private features and target."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import ge
from torch import Tensor, nn

from codaar_core.api import ComponentError, Encoded, Encoder, EncoderContext, Features, Space, setting
from codaar_core.nn import TemporalSettings
from codaar_plugin_bert.bidirectional_lstm import BidirectionalLstm


class BertEncoder(Encoder):
    """BiLSTM, then attention over time; a linear map with ReLU beside it (released code of arXiv 2605.12145).

    What is to be reconstructed is the BiLSTM's output, (2 hidden,): the time axis is that of word pieces.

    Raises:
        ComponentError: The features are no vectors, or the heads do not divide the latent width.
    """

    @attrs.frozen(kw_only=True)
    class Config(TemporalSettings):
        """Settings of the bert encoder."""

        lstm_layers: int = setting(2, "layers of the BiLSTM", ge(1))
        lstm_hidden: int = setting(128, "width of one direction of the BiLSTM", ge(1))
        padding: Literal["skipped", "read"] = setting(
            "skipped", "masked word pieces do not exist, or are zeros that count like any others (released code)"
        )
        detach_target: bool = setting(
            False, "keep the reconstruction loss from training the BiLSTM through its target (released code: no)"
        )
        private: int = setting(256, "width P of the private features; 0: none", ge(0))
        private_activation: Literal["relu", "none"] = setting(
            "relu", 'after the private linear map: "relu" (released code) or "none" (paper)'
        )

    def __init__(self, config: Config, context: EncoderContext) -> None:
        super().__init__(config, context)
        _check_vectors(context)
        self.length = context.input.length
        width = 2 * config.lstm_hidden
        self.words = BidirectionalLstm(context.input.width, config.lstm_hidden, config.lstm_layers)
        self.temporal = config.transformer(width, context)
        activation = nn.ReLU() if config.private_activation == "relu" else nn.Identity()
        self.private_map = nn.Sequential(nn.Linear(width, config.private), activation) if config.private else None

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
        """The BiLSTM, which is a module of its own in the released code."""
        return (self.words,)

    def forward(self, features: Features) -> Encoded:
        """Encode (B, T, F)."""
        values, mask = features if self.config.padding == "skipped" else _padded(features)
        words = self.words(values, mask)
        target = words.detach() if self.config.detach_target else words
        private = self.private_map(words) if self.private_map else None
        return Encoded(self.temporal(words, mask), private, mask, target)

    def summary(self, features: Features) -> Encoded:
        """Encode whole sentences as one step each, (B, 1, D): the BiLSTM's mean over real words goes on as one word.

        Retrieval does so in the working code of CoDAAR's authors, where words that are not there never count,
        whatever ``padding`` says.
        """
        values, mask = features
        return Encoded(self.temporal(_mean(self.words(values, mask), mask)))


def _mean(words: Tensor, mask: Tensor | None) -> Tensor:
    """Mean over the real steps, (B, 1, F); masked ones are zero already."""
    if mask is None:
        return words.mean(dim=1, keepdim=True)
    return words.sum(dim=1, keepdim=True) / mask.sum(dim=1).clamp(min=1)[:, None, None]


def _padded(features: Features) -> Features:
    """Zeros instead of the mask."""
    values, mask = features
    return Features(values if mask is None else values.masked_fill(~mask[..., None], 0))


def _check_vectors(context: EncoderContext) -> None:
    shape = context.input.shape
    if len(shape) != 1:
        raise ComponentError(
            f"the bert encoder of {context.modality} needs features (F,), not {shape}",
            "give it one vector a word piece, e.g. the last hidden state of BERT (768,)",
        )
