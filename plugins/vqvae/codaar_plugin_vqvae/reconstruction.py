"""Reconstruction: decoded features should equal what was encoded."""

from __future__ import annotations

from typing import ClassVar

import attrs
from torch import Tensor

from codaar_core.api import Shared, SharingLoss, StepView, setting
from codaar_plugin_vqvae.squared_error import REDUCTION, Compared, Reduction, reduced_errors, shared_errors


class Reconstruction(SharingLoss):
    """Squared error to ``Encoded.target`` where the encoder gives one, else to the input.

    The target is not detached: an encoder that makes it learns to make it reconstructible, as released.
    """

    examples: ClassVar = ({"reduction": "sum"},)

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of the reconstruction."""

        reduction: Reduction = setting("mean", REDUCTION)

    def prepare(self, view: StepView) -> Shared:
        """Compare each decoded modality."""
        compared = [self._compared(view, modality) for modality in view.decoded]
        return shared_errors(compared, self.config.reduction, view.ranks)

    def complete(self, view: StepView, shared: Shared) -> dict[str, Tensor]:
        """Give one scalar for each decoded modality."""
        return dict(zip(view.decoded, reduced_errors(shared, view.ranks), strict=True))

    def _compared(self, view: StepView, modality: str) -> Compared:
        encoded = view.encoded[modality]
        target = view.inputs[modality].values if encoded.target is None else encoded.target
        return Compared(view.decoded[modality], target, encoded.mask)
