"""Gradient reversal: a discriminator learns which codes and private features belong together, the model prevents it."""

from __future__ import annotations

from typing import Any

import attrs
import torch
from attrs.validators import ge
from torch import Tensor, nn
from torch.nn import functional as F

from codaar_core.api import LossContext, Shared, StepView, setting
from codaar_plugin_dcid.separation import SeparationLoss


class Reversal(SeparationLoss):
    """Separates codes x and private features y by gradient reversal (arXiv 1409.7495), a substitute of CLUB.

    For each modality a discriminator tells pairs (x, y) of one step from pairs with the y of another clip at the same
    time. It is trained with the model, and its gradient reaches encoders with the opposite sign. The term is its
    cross-entropy: log 2 = 0.693 if it learns nothing, and log 2 minus the term bounds the Jensen-Shannon divergence
    between joint distribution and product of the marginals from below. Unlike CLUB it needs no inner steps, and it
    cannot fall without bound. Private maps are first turned into vectors, as for CLUB.

    Raises:
        ComponentError: No encoder has private features.
    """

    @attrs.frozen(kw_only=True)
    class Config(SeparationLoss.Config):
        """Settings of the gradient reversal."""

        strength: float = setting(1.0, "factor of the reversed gradient that reaches the model", ge(0.0))

    def __init__(self, config: Config, context: LossContext) -> None:
        super().__init__(config, context)
        self.discriminators = nn.ModuleDict(
            {m: Discriminator(*widths, config.hidden) for m, widths in self.widths.items()}
        )

    def complete(self, view: StepView, shared: Shared) -> dict[str, Tensor]:
        """Give the cross-entropy of each modality with private features; zero where no other clip has the same step."""
        return {m: self._cross_entropy(view, m, *pair) for m, pair in self.of_all_clips(shared).items()}

    def _cross_entropy(self, view: StepView, modality: str, x: Tensor, y: Tensor, real: Tensor) -> Tensor:
        x, y = (reverse(each, self.config.strength) for each in (x, y))
        others = _others(len(y), view.device_generator)
        other, compared = y[others], real & real[others] & (len(y) > 1)
        discriminator = self.discriminators[modality]
        losses = F.softplus(-discriminator(x, y)) + F.softplus(discriminator(x, other))  # (B, T)
        return losses.masked_fill(~compared, 0).sum() / (2 * compared.sum().clamp_min(1))


class Discriminator(nn.Module):
    """Logit of x (..., D) and y (..., Y) belonging together."""

    def __init__(self, x: int, y: int, hidden: int) -> None:
        super().__init__()
        self.norm_x, self.norm_y = nn.LayerNorm(x), nn.LayerNorm(y)  # a private vector cannot hide by its scale
        self.layers = nn.Sequential(
            nn.Linear(x + y, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1)
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Map pairs (..., D) and (..., Y) to logits (...)."""
        return self.layers(torch.cat([self.norm_x(x), self.norm_y(y)], dim=-1)).squeeze(-1)


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor, strength: float) -> Tensor:
        context.strength = strength
        return values.view_as(values)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = gradients
        return -context.strength * gradient, None


def reverse(values: Tensor, strength: float) -> Tensor:
    """Return ``values``, with their gradient multiplied by ``-strength``."""
    reversed: Tensor = _Reverse.apply(values, strength)
    return reversed


def _others(clips: int, generator: torch.Generator) -> Tensor:
    """Numbers (B,) of other clips: for each, the clip that is so many places before it; for one clip, itself."""
    device = generator.device
    shift = 1 + torch.randint(max(1, clips - 1), (), generator=generator, device=device)
    return (torch.arange(clips, device=device) - shift) % clips
