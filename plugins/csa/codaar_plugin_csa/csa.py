"""Cascading semantic alignment: codebooks are replaced by their mean, one modality after another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import attrs
import torch
from torch import Tensor

from codaar_core.api import AlignmentContext, AlignmentStep, ComponentError, setting


class Csa(AlignmentStep):
    """In a given order, each codebook becomes the mean of all, with the codebooks before it already replaced.

    CSA of arXiv 2605.12145. Three modalities in order give the rows 1/3 1/3 1/3, 1/9 4/9 4/9 and 4/27 7/27 16/27;
    two give 1/2 1/2 and 1/4 3/4. The moving sums of the codebooks do not change, so that the step is a fixed mixture of
    the centroids and does not accumulate over training.

    Raises:
        ComponentError: ``order`` is not a permutation of the model's modalities.
    """

    examples: ClassVar = ({"order": ("south", "north", "east")}, {"order": ("east", "north")})

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of CSA."""

        order: tuple[str, ...] = setting((), "modalities in the order of replacement; []: the order of the model")

    def __init__(self, config: Config, context: AlignmentContext) -> None:
        super().__init__(config, context)
        self.order = config.order or context.modalities
        _check_permutation(self.order, context.modalities)

    def adjust(self, codebooks: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Replace codebooks (K, D) in order."""
        adjusted = dict(codebooks)
        for modality in self.order:
            adjusted[modality] = torch.stack(tuple(adjusted.values())).mean(dim=0)
        return adjusted

    def matrix(self, modalities: tuple[str, ...]) -> Tensor:
        """The closed form, (M, M) float64: row m has the shares of the codebook of m."""
        units = torch.eye(len(modalities), dtype=torch.float64)
        adjusted = self.adjust(dict(zip(modalities, units, strict=True)))
        return torch.stack([adjusted[modality] for modality in modalities])


def _check_permutation(order: tuple[str, ...], modalities: tuple[str, ...]) -> None:
    extra = [modality for modality in order if modality not in modalities]
    if extra:
        raise ComponentError(
            f"order has {', '.join(extra)}, but the model has only {', '.join(modalities)}",
            "remove it from order, or add it to modalities in [model]",
        )
    if sorted(order) != sorted(modalities):
        raise ComponentError(
            f"order is {', '.join(order)}, but must have each of {', '.join(modalities)} once",
            f"write order = [{', '.join(repr(modality) for modality in modalities)}], in the order you want",
        )
