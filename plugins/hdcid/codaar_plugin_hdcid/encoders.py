"""Encoders of two levels of latents: those of DCID, and further ones made of the private features."""

from __future__ import annotations

from typing import ClassVar

import attrs
import torch
from attrs.validators import ge
from codaar_plugin_bert.encoder import BertEncoder
from codaar_plugin_dcid.separation import SideHead
from codaar_plugin_vgg.encoder import VggEncoder
from codaar_plugin_vggish.encoder import VggishEncoder
from torch import Tensor

from codaar_core.api import ComponentError, Encoded, Encoder, EncoderContext, Features, Space, setting


class TwoLevels(Encoder):
    """An encoder whose latents are those of its base class, followed by as many of a second level.

    The second level is a temporal transformer of the private features (H-DCID, released code). A private map is first
    turned into a vector, by the layers that CLUB has for it in DCID.

    Raises:
        ComponentError: There are no private features, or the latent width is odd.
    """

    def __init__(self, config: TwoLevels.Config, context: EncoderContext) -> None:
        width = context.latent.width
        if width % 2:
            raise ComponentError(
                f"latents of width {width} are not two levels of equal width",
                'use quantizer "two-level-codebooks", or another with an even width',
            )
        level = attrs.evolve(context, latent=Space((width // 2,)))
        super().__init__(config, level)
        if self.private is None:
            raise ComponentError(
                f"the second level of {context.modality} is made of private features, and there are none",
                "give the encoder private features, as its settings describe",
            )
        is_map = len(self.private.shape) > 1
        self.side = SideHead(self.private, config.side) if is_map else torch.nn.Identity()
        self.second_width = config.side if is_map else self.private.width
        of_private = attrs.evolve(config, input_dropout=0.0, normalise=False)  # those settings are about the features
        self.second = of_private.transformer(self.second_width, level)

    def forward(self, features: Features) -> Encoded:
        """Encode features (B, T, *shape) to latents (B, T, 2 D)."""
        encoded = super().forward(features)
        second = self.second(self.side(encoded.private), encoded.mask)
        return encoded._replace(semantic=torch.cat([encoded.semantic, second], dim=-1))

    def semantic_only(self, features: Features) -> Encoded:
        """Encode as ``forward`` does: the second level needs private features."""
        return self(features)._replace(private=None, target=None)

    def summary(self, features: Features) -> Encoded:
        """Give the mean latent of each clip over its real steps, (B, 1, 2 D)."""
        return Encoder.summary(self, features)

    def second_input(self, private: Tensor) -> Tensor:
        """Turn private features (B, T, ...) into the vectors (B, T, Y) of which the second level is made."""
        return self.side(private)


class TwoLevelVgg(TwoLevels, VggEncoder):
    """The ``vgg`` encoder with a second level of latents, made of its private map (H-DCID, released code)."""

    called: ClassVar = "two-level-vgg"
    example: ClassVar = {"channels": (4, 8), "feedforward": 16, "side": 8, "heads": 2}
    examples: ClassVar = ()  # those of vgg are checked there

    @attrs.frozen(kw_only=True)
    class Config(VggEncoder.Config):
        """Settings of the two-level-vgg encoder."""

        side: int = setting(512, "width of the vector made of the private map; the second level is made of it", ge(1))


class TwoLevelVggish(TwoLevels, VggishEncoder):
    """The ``vggish`` encoder with a second level of latents, made of its private features (H-DCID, released code)."""

    called: ClassVar = "two-level-vggish"
    example: ClassVar = {**VggishEncoder.example, "heads": 2}
    examples: ClassVar = ()


class TwoLevelBert(TwoLevels, BertEncoder):
    """The ``bert`` encoder with a second level of latents, made of its private features (H-DCID, released code)."""

    called: ClassVar = "two-level-bert"
    example: ClassVar = {**BertEncoder.example, "heads": 2}
    examples: ClassVar = ({"padding": "read"},)
