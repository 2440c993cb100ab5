"""Commitment: latents should stay near codewords, their own and those of the other modalities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import attrs
import torch
from attrs.validators import ge
from torch import Tensor
from torch.nn import functional as F

from codaar_core.api import ComponentError, LossContext, Quantized, Shared, SharingLoss, StepView, setting
from codaar_plugin_vqvae.gradients import real_latents
from codaar_plugin_vqvae.squared_error import REDUCTION, Reduction, reduced_errors, shared_sums, stack_steps


class Commitment(SharingLoss):
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

    def prepare(self, view: StepView) -> Shared:
        """Compare each modality with its own codewords and those of the others."""
        latents = stack_steps([real_latents(view.encoded[modality]) for modality in view.quantized])
        compared = torch.broadcast_tensors(latents[:, None], self._codewords(view.quantized))
        errors = F.mse_loss(*compared, reduction="none").sum(dim=-1)
        real = self._real(list(view.quantized.values()))
        return shared_sums(errors, self.width, real, self.config.reduction, view.ranks)

    def complete(self, view: StepView, shared: Shared) -> dict[str, Tensor]:
        """Give one scalar for each modality."""
        (reduced,) = reduced_errors(shared, view.ranks)
        return dict(zip(view.quantized, (reduced * self._weights(reduced)).sum(dim=1).unbind(), strict=True))

    def _codewords(self, quantized: Mapping[str, Quantized]) -> Tensor:
        """Codewords with which each modality is compared, (1 or M, M, B, T, D); only its own ones, (M, 1, B, T, D)."""
        own = stack_steps([codes.own.detach() for codes in quantized.values()])
        if not self.config.cross:
            return own[:, None]
        if self.config.cross_at == "own-index":
            return own[None]
        rows = stack_steps([codes.full.detach() for codes in quantized.values()]).unflatten(-1, (-1, self.width))
        books = [self.modalities.index(modality) % rows.shape[-2] for modality in quantized]
        return torch.stack([rows[..., book, :] for book in books], dim=1)

    def _real(self, codes: Sequence[Quantized]) -> Tensor | None:
        """Which steps are compared, (M, 1 or M, B, T): those of the modality or, at own indices, of both; None: all."""
        if all(each.mask is None for each in codes) and len({each.indices.shape for each in codes}) == 1:
            return None
        real = stack_steps([each.real() for each in codes])
        of_both = self.config.cross and self.config.cross_at == "own-index"
        return real[:, None] & real if of_both else real[:, None]

    def _weights(self, errors: Tensor) -> Tensor:
        """The weights of the errors of each modality to its own codewords and those of the others, (M, 1 or M)."""
        if not self.config.cross:
            return torch.full_like(errors, self.config.own)
        return torch.full_like(errors, self.config.cross).fill_diagonal_(self.config.own)
