"""Jigsaw of codes: a classifier predicts in which order pieces of codes of all modalities are concatenated."""

from __future__ import annotations

import math
from itertools import permutations

import attrs
import torch
from attrs.validators import and_, ge, le
from torch import Tensor, nn
from torch.nn import functional as F

from codaar_core.api import ComponentError, LossContext, Shared, SharingLoss, StepView, not_compiled, setting


class Jigsaw(SharingLoss):
    """Codes are cut along their width; each piece is of a modality drawn once a batch (MICU, ICCV 2025, released code).

    The pieces of each step are concatenated in all their orders, and a classifier predicts the order. That is possible
    only if pieces look alike in all modalities.

    Raises:
        ComponentError: The number of pieces does not divide the width of the codes.
    """

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of the jigsaw; the defaults are those of the released code."""

        pieces: int = setting(2, "number of pieces of a code, which have pieces! orders", and_(ge(2), le(5)))
        hidden: int = setting(512, "width of the classifier's hidden layer", ge(1))

    def __init__(self, config: Config, context: LossContext) -> None:
        super().__init__(config, context)
        width = context.latent.width
        if width % config.pieces:
            raise ComponentError(
                f"{config.pieces} pieces do not divide the width {width} of the codes", "change pieces or quantizer.dim"
            )
        self.modalities = context.modalities
        orders = list(permutations(range(config.pieces)))
        self.register_buffer("orders", torch.tensor(orders), persistent=False)  # (O, pieces)
        self.classifier = nn.Sequential(
            nn.Linear(width, config.hidden), nn.ReLU(), nn.Linear(config.hidden, math.factorial(config.pieces))
        )

    def prepare(self, view: StepView) -> Shared:
        """Sum the cross-entropy over the steps that all modalities have, and count them."""
        codes = [view.quantized[m] for m in self.modalities]
        steps = min(each.own.shape[1] for each in codes)
        real = torch.stack([each.real()[:, :steps] for each in codes]).all(dim=0)
        laid = self._pieces(view, steps)[..., self.orders, :].flatten(-2)  # (B, T, O, D)
        order = torch.arange(len(self.orders), device=laid.device).expand(laid.shape[:3])
        losses = F.cross_entropy(self.classifier(laid).flatten(0, 2), order.flatten(), reduction="none")
        mean = losses.view(order.shape).mean(dim=-1)
        return Shared(sums=(real.sum(),), kept=(mean.masked_fill(~real, 0).sum(),))

    def complete(self, view: StepView, shared: Shared) -> dict[str, Tensor]:
        """Give the term "order": the mean cross-entropy."""
        (steps,), (total,) = shared.sums, shared.kept
        return {"order": total * view.ranks.size / steps.clamp_min(1).to(total.dtype)}

    @not_compiled
    def _pieces(self, view: StepView, steps: int) -> Tensor:
        """Pieces (B, steps, pieces, D / pieces) of the codes, each of a modality that is drawn."""
        generator, number = view.device_generator, self.config.pieces
        drawn = torch.randint(len(self.modalities), (number,), generator=generator, device=generator.device)
        codes = torch.stack([view.quantized[m].own[:, :steps].unflatten(-1, (number, -1)) for m in self.modalities])
        return codes.movedim(-2, 0)[torch.arange(number, device=drawn.device), drawn].movedim(0, -2)
