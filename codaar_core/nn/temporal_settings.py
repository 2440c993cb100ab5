"""Settings of encoders that end in a temporal transformer, and its construction from them."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import and_, ge, lt

from codaar_core.api import ComponentError, EncoderContext, setting
from codaar_core.nn.temporal_transformer import TemporalTransformer


@attrs.frozen(kw_only=True)
class TemporalSettings:
    """Base of the Config of an encoder that ends in a temporal transformer; defaults are those of the released code."""

    layers: int = setting(2, "layers of the temporal transformer", ge(1))
    heads: int = setting(4, "attention heads of each layer", ge(1))
    feedforward: int = setting(1024, "hidden width of each layer's feed-forward part", ge(1))
    dropout: float = setting(0.1, "dropout of the temporal transformer", and_(ge(0), lt(1)))
    input_dropout: float = setting(0.0, "dropout of the features (released code: none)", and_(ge(0), lt(1)))
    normalise: bool = setting(
        False, "standardise the features before the linear map: batch normalisation without weights (released code: no)"
    )
    identical_layers: bool = setting(True, "start all layers with equal weights (released code)")

    whole_clips: Literal["never", "training", "always"] = setting(
        "never", "when every step gets the mean latent of its clip, for methods that quantize one vector a clip"
    )

    def transformer(self, input: int, context: EncoderContext) -> TemporalTransformer:
        """Build the transformer from vectors of width ``input`` to the latents that the context asks for.

        Raises:
            ComponentError: The heads do not divide the latent width.
        """
        width = context.latent.width
        if width % self.heads:
            raise ComponentError(
                f"{self.heads} attention heads of {context.modality} do not divide the latent width {width}",
                "change heads here, or the latent width in the quantizer",
            )
        return TemporalTransformer(
            input,
            width,
            layers=self.layers,
            heads=self.heads,
            feedforward=self.feedforward,
            dropout=self.dropout,
            input_dropout=self.input_dropout,
            normalise=self.normalise,
            identical_layers=self.identical_layers,
            whole_clips=self.whole_clips,
        )
