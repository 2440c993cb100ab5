"""Commitment: latents should stay near codewords, their own and those of the other modalities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import attrs
import torch
from attrs.validators import ge
from torch import Tensor

from codaar_core.api import ComponentError, Loss, LossContext, Quantized, StepView, setting
from codaar_plugin_vqvae.squared_error import REDUCTION, Compared, Reduction, squared_errors


class Commitment(Loss):
    """own |z_m - e_m|^2 + cross sum_n |z_m - e_n|^2, codewords detached: arXiv 2605.12145, Eq. 8.

    At its own index, a modality of another length is compared over the common steps.

    Raises:
        ComponentError: ``same-index`` with codes that are not whole rows of codebooks.
    """

    examples: ClassVar = ({"cross": 0.0}, {"cross_at": "same-index", "reduction": "sum"})

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of the commitment; the defaults are those of the released code."""

        own: float = setting(0.5, "weight of the modality's own codeword", ge(0.0))
        cross: float = setting(0.125, "weight of each other modality's codeword; 0: none", ge(0.0))
        cross_at: Literal["own-index", "same-index"] = setting(
            "own-index",
            "own-index: codeword assigned to the other modality (released); same-index: that of the same row (Eq. 8)",
        )
        reduction: Reduction = setting("mean", REDUCTION)

    def __init__(self, config: Config, context: LossContext) -> None:
        super().__init__(config, context)
        self.modalities = context.modalities
        self.width = context.latent.width
        rows = context.code_space.width in (self.width, len(self.modalities) * self.width)
        if config.cross_at == "same-index" and not rows:
            raise ComponentError(
                f"same-index needs codes of {len(self.modalities)} codebooks, but this quantizer's are "
                f"{context.code_space.width} wide for latents {self.width} wide",
                'write cross_at = "own-index"',
            )

    def forward(self, view: StepView) -> dict[str, Tensor]:
        """Give one scalar for each modality."""
        compared = {modality: self._compared(view, modality) for modality in view.quantized}
        every = [each for of_modality in compared.values() for each in of_modality]
        errors = iter(squared_errors(every, self.config.reduction, view.ranks))
        return {m: self._weighted([next(errors) for _ in of_modality]) for m, of_modality in compared.items()}

    def _weighted(self, errors: Sequence[Tensor]) -> Tensor:
        """The commitment of a modality, of the errors to its own codeword and to those of the others."""
        own, *cross = errors
        loss = self.config.own * own
        return loss + self.config.cross * sum(cross) if self.config.cross else loss

    def _compared(self, view: StepView, modality: str) -> list[Compared]:
        """Latents with their own codewords, then with those of each other modality."""
        latents, codes = view.encoded[modality].semantic, view.quantized[modality]
        own = Compared(latents, codes.own.detach(), codes.mask)
        if not self.config.cross:
            return [own]
        others = [other for other in view.quantized if other != modality]
        if self.config.cross_at == "own-index":
            return [own, *(_at_own_index(latents, codes.mask, view.quantized[other]) for other in others)]
        rows = codes.full.detach().unflatten(-1, (-1, self.width))
        books = [self.modalities.index(other) % rows.shape[-2] for other in others]
        return [own, *(Compared(latents, rows[..., book, :], codes.mask) for book in books)]


def _at_own_index(latents: Tensor, mask: Tensor | None, other: Quantized) -> Compared:
    """Latents with the codewords that another modality has at the same steps, where both are real."""
    steps = min(latents.shape[1], other.own.shape[1])
    masks = [each[:, :steps] for each in (mask, other.mask) if each is not None]
    both = torch.stack(masks).all(dim=0) if masks else None
    return Compared(latents[:, :steps], other.own[:, :steps].detach(), both)
