"""Settings of encoders of vectors: a temporal transformer, and a linear map to the private features."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import ge
from torch import nn

from codaar_core.api import ComponentError, EncoderContext, setting
from codaar_core.nn.temporal_settings import TemporalSettings


@attrs.frozen(kw_only=True)
class VectorSettings(TemporalSettings):
    """Base of the Config of an encoder of vectors; defaults are those of the released code of arXiv 2605.12145."""

    private: int = setting(256, "width P of the private features, or 0 for none", ge(0))
    private_activation: Literal["relu", "none"] = setting(
        "relu", 'after the private linear map: "relu" (released code) or "none" (paper)'
    )

    def private_map(self, width: int) -> nn.Sequential | None:
        """Build the map from vectors of width ``width`` to the private features; None where there are none."""
        if not self.private:
            return None
        activation = nn.ReLU() if self.private_activation == "relu" else nn.Identity()
        return nn.Sequential(nn.Linear(width, self.private), activation)


def check_vectors(context: EncoderContext, encoder: str, example: str) -> None:
    """Check that the features are one vector a step.

    Args:
        context: Of the encoder.
        encoder: Name of the encoder, for the message.
        example: Features that fit, for the message.

    Raises:
        ComponentError: The features are not vectors (F,).
    """
    shape = context.input.shape
    if len(shape) != 1:
        raise ComponentError(
            f"the {encoder} encoder of {context.modality} needs features (F,), not {shape}",
            f"give it one vector a step, e.g. {example}",
        )
