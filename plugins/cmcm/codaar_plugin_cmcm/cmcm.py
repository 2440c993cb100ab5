"""Cross-modal code matching: the same clip should use the same codewords in every modality."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import ClassVar, Literal

import attrs
import torch
from torch import Tensor

from codaar_core.api import ComponentError, Encoded, LossContext, Quantized, Shared, SharingLoss, StepView, setting
from codaar_core.nn import ContrastSettings

LOGARITHM_FLOOR = 1e-10
DENOMINATOR_FLOOR = 1e-5


class Cmcm(SharingLoss):
    """InfoNCE over the clips of a batch, between the codeword usages of each pair of modalities.

    Clip i uses the K codewords of modality m by p_m^i: the mean over time of softmax(-distance). The score of clips
    i and j is <p_a^i, log p_b^j> + <p_b^i, log p_a^j>, and each clip must score highest with itself: Liu et al.
    (arXiv 2106.05438), used in arXiv 2605.12145, Eqs. 10 and 11. One term for each unordered pair, not halved: the
    released code is ``weight = 0.5``. A clip without a real step in a modality is left out of its pairs. With several
    codes a step, the softmax is taken over each level by itself, and scores are sums over all levels.

    Raises:
        ComponentError: The model has one modality only.
    """

    needs_distances = True
    examples: ClassVar = ({"denominator": "paper", "shift": "logsumexp"},)
    expected_failures: ClassVar = {"settings-matter": "negatives has an effect with several processes only"}

    @attrs.frozen(kw_only=True)
    class Config(ContrastSettings):
        """Settings of CMCM."""

        denominator: Literal["released", "paper"] = setting(
            "released", "second part of a score: <p_b^i, log p_a^j> (released) or <p_b^j, log p_a^i> (paper, Eq. 11)"
        )
        shift: Literal["minimum", "logsumexp"] = setting(
            "minimum", "minimum: adds 1e-5 to the sum of exp(score - lowest score) (released); logsumexp: adds nothing"
        )

    def __init__(self, config: Config, context: LossContext) -> None:
        super().__init__(config, context)
        if len(context.modalities) < 2:
            raise ComponentError("cmcm compares modalities, but the model has only one", "leave cmcm out of losses")
        self.modalities = context.modalities
        self.pairs = tuple(combinations(self.modalities, 2))

    def prepare(self, view: StepView) -> Shared:
        """Compute by how much each clip uses each codeword, and which clips have a modality, unless all have all."""
        codes = [view.quantized[modality] for modality in self.modalities]
        masked = view.ranks.size > 1 or any(each.mask is not None for each in codes)  # other ranks may have masks
        present = [each.real().any(dim=1) for each in codes] if masked else []
        return self.config.shared(*usages(codes), *present)

    def complete(self, view: StepView, shared: Shared) -> dict[str, Tensor]:
        """Give one scalar for each unordered pair of modalities, named like "a-b"."""
        compared, number = self.config.compared(shared), len(self.modalities)
        kept = self._in_pairs(compared[number:]).all(dim=1) if len(compared) > number else None
        losses = self._contrast(self._in_pairs(compared[:number]), kept)
        return {f"{a}-{b}": loss for (a, b), loss in zip(self.pairs, losses.unbind(), strict=True)}

    def _in_pairs(self, by_modality: Sequence[Tensor]) -> Tensor:
        """Both sides of each pair: (P, 2, ...) from (...) of each modality."""
        of_modality = dict(zip(self.modalities, by_modality, strict=True))
        return torch.stack([of_modality[modality] for pair in self.pairs for modality in pair]).unflatten(0, (-1, 2))

    def _contrast(self, usages: Tensor, kept: Tensor | None) -> Tensor:
        """Mean (P,) over the kept clips (P, B) of -log softmax, among the kept clips, of the score with themselves."""
        scores = self._scores(usages)
        if kept is None:
            return -self._own_logarithms(scores, scores).mean(dim=-1)
        dropped, itself = ~kept, torch.eye(kept.shape[1], dtype=torch.bool, device=kept.device)
        left_out = dropped[:, None] | dropped[..., None]
        candidates = scores.masked_fill(left_out & ~itself, -torch.inf)
        own = self._own_logarithms(candidates, scores.masked_fill(left_out, 0))
        return -own.masked_fill(dropped, 0).sum(dim=-1) / kept.sum(dim=-1).clamp_min(1)

    def _own_logarithms(self, candidates: Tensor, scores: Tensor) -> Tensor:
        """Log softmax of each clip with itself (P, B), among candidates (P, B, B); scores give the constant."""
        if self.config.shift == "minimum":
            candidates = torch.cat([candidates, _floor(scores)], dim=-1)
        return candidates.log_softmax(dim=-1).diagonal(dim1=-2, dim2=-1)

    def _scores(self, usages: Tensor) -> Tensor:
        """Scores (P, B, B) of usages (P, 2, B, K), the two sides of each pair; none is above zero."""
        with torch.autocast(usages.device.type, enabled=False):  # the scores of different clips differ by little
            of_other = (usages + LOGARITHM_FLOOR).log().flip(1)
            forth, back = (usages @ of_other.mT).unbind(1)
        return forth + (back if self.config.denominator == "released" else back.mT)


def usages(codes: Sequence[Quantized]) -> list[Tensor]:
    """Soft use (B, K) of the codewords by each clip, by modality; zero for a clip without a real step.

    Modalities may differ in their number of time steps: they are computed as one sequence, with few operations.
    """
    distances = torch.cat([_distances(each) for each in codes], dim=1).unflatten(-1, (codes[0].levels, -1))
    assignments = euclidean(distances).neg().softmax(dim=-1).flatten(-2)
    parts = assignments.split([each.indices.shape[1] for each in codes], dim=1)
    return [Encoded(part, mask=each.mask).mean() for part, each in zip(parts, codes, strict=True)]


def euclidean(squared: Tensor) -> Tensor:
    """Square root whose gradient is zero, not infinite, where the distance is zero."""
    return squared.clamp_min(torch.finfo(squared.dtype).tiny).sqrt()


def _distances(codes: Quantized) -> Tensor:
    assert codes.distances is not None, "needs_distances"
    return codes.distances


def _floor(scores: Tensor) -> Tensor:
    """The constant that the released code adds to each denominator, as one more candidate (P, B, 1)."""
    lowest = scores.amin(dim=(1, 2), keepdim=True)
    return (lowest + math.log(DENOMINATOR_FLOOR)).expand(-1, scores.shape[1], 1)
