"""The loss that moves a learned codebook: codewords should be near the latents assigned to them."""

from __future__ import annotations

from typing import ClassVar

import attrs
from torch import Tensor

from codaar_core.api import ComponentError, LossContext, Quantized, Shared, SharingLoss, StepView, setting
from codaar_plugin_vqvae.squared_error import REDUCTION, Compared, Reduction, reduced_errors, shared_errors


class CodebookLoss(SharingLoss):
    """|z - e|^2 with latents detached, the counterpart of the commitment: arXiv 1711.00937, Eq. 3.

    Raises:
        ComponentError: The codewords of the model's quantizer are not parameters.
    """

    examples: ClassVar = ({"reduction": "sum"},)

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of the codebook loss."""

        reduction: Reduction = setting("mean", REDUCTION)

    def __init__(self, config: Config, context: LossContext) -> None:
        super().__init__(config, context)
        if context.quantizer is None or not any(True for _ in context.quantizer.parameters()):
            raise ComponentError(
                "the codewords of this quantizer are not parameters: the loss codebook would move nothing",
                'leave it out of model.losses, or write quantizer.use = "learned-codebook"',
            )
        self.context = context

    def prepare(self, view: StepView) -> Shared:
        """Compare the codewords of each modality."""
        compared = [self._compared(view, modality, codes) for modality, codes in view.quantized.items()]
        return shared_errors(compared, self.config.reduction, view.ranks)

    def complete(self, view: StepView, shared: Shared) -> dict[str, Tensor]:
        """Give one scalar for each modality."""
        return dict(zip(view.quantized, reduced_errors(shared, view.ranks), strict=True))

    def _compared(self, view: StepView, modality: str, codes: Quantized) -> Compared:
        codewords = self.context.quantizer.lookup(modality, codes.indices).own
        return Compared(codewords, view.encoded[modality].semantic.detach(), codes.mask)
