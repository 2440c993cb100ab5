"""Discrete temporal alignment: each codebook is updated with a mixture of all modalities' latents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import attrs
import torch
from attrs.validators import and_, ge, le
from torch import Tensor

from codaar_core.api import AlignmentContext, AlignmentStep, setting


class Dta(AlignmentStep):
    """target_m = own z_m + (1 - own) / (M - 1) sum of the other z_n, for any M modalities.

    The quantizer sums these targets under m's own indices: arXiv 2605.12145, Eq. 4. A single modality is not mixed.
    """

    examples: ClassVar = ({"own": 0.5}, {"own": 1.0})

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of DTA."""

        own: float = setting(
            0.6,
            "share of the own latents; the others share the rest (released: 0.6 of three modalities, 0.75 of two)",
            and_(ge(0.0), le(1.0)),
        )

    def __init__(self, config: Config, context: AlignmentContext) -> None:
        super().__init__(config, context)
        self.own = config.own

    def mix(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Mix time-synchronous latents (N, D)."""
        own, other = self._shares(len(features))
        latents = torch.stack(tuple(features.values()))
        mixed = torch.add(other * latents.sum(dim=0), latents, alpha=own - other)
        return dict(zip(features, mixed.unbind(), strict=True))

    def matrix(self, modalities: tuple[str, ...]) -> Tensor:
        """The shares, (M, M) float64: row m has those of the target of m."""
        own, other = self._shares(len(modalities))
        shares = torch.full((len(modalities), len(modalities)), other, dtype=torch.float64)
        return shares.fill_diagonal_(own)

    def _shares(self, modalities: int) -> tuple[float, float]:
        """Share of the own modality and of each other modality."""
        if modalities == 1:
            return 1.0, 0.0
        return self.own, (1 - self.own) / (modalities - 1)
