"""Reconstruction: decoded features should equal what was encoded."""

from __future__ import annotations

from torch import Tensor

from codaar_core.api import Loss, StepView
from codaar_plugin_vqvae.squared_error import mean_squared_error


class Reconstruction(Loss):
    """Mean squared error to ``Encoded.target`` where the encoder gives one, else to the input.

    The target is not detached: an encoder that makes it learns to make it reconstructible, as released.
    """

    def forward(self, view: StepView) -> dict[str, Tensor]:
        """Give one scalar for each decoded modality."""
        return {modality: self._error(view, modality) for modality in view.decoded}

    @staticmethod
    def _error(view: StepView, modality: str) -> Tensor:
        encoded = view.encoded[modality]
        target = view.inputs[modality].values if encoded.target is None else encoded.target
        return mean_squared_error(view.decoded[modality], target, encoded.mask)
