"""Cross-modal code matching: the same clip should use the same codewords in every modality."""

from __future__ import annotations

import math
from itertools import combinations
from typing import ClassVar, Literal

import attrs
import torch
from torch import Tensor

from codaar_core.api import ComponentError, Loss, LossContext, Quantized, StepView, setting
from codaar_core.nn import ContrastSettings

LOGARITHM_FLOOR = 1e-10
DENOMINATOR_FLOOR = 1e-5


class Cmcm(Loss):
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
        self.pairs = tuple(combinations(context.modalities, 2))

    def forward(self, view: StepView) -> dict[str, Tensor]:
        """Give one scalar for each unordered pair of modalities, named like "a-b"."""
        own = [each for codes in view.quantized.values() for each in (usage(codes), codes.real().any(dim=1))]
        compared = iter(self.config.compared(view.ranks, *own))
        usages, present = {}, {}
        for modality in view.quantized:
            usages[modality], present[modality] = next(compared), next(compared)
        return {f"{a}-{b}": self._contrast(usages[a], usages[b], present[a] & present[b]) for a, b in self.pairs}

    def _contrast(self, first: Tensor, second: Tensor, kept: Tensor) -> Tensor:
        """Mean over the kept clips of -log softmax, among the kept clips, of the score with themselves."""
        scores = self._scores(first, second)
        itself = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
        left_out = ~(kept & kept[:, None])
        candidates = scores.masked_fill(left_out & ~itself, -torch.inf)
        if self.config.shift == "minimum":
            candidates = torch.cat([candidates, _floor(scores.masked_fill(left_out, 0))], dim=1)
        losses = candidates.logsumexp(dim=1) - scores.diagonal()
        return losses.masked_fill(~kept, 0).sum() / kept.sum().clamp_min(1)

    def _scores(self, first: Tensor, second: Tensor) -> Tensor:
        """Scores (B, B) of usages (B, K) of two modalities; none is above zero."""
        with torch.autocast(first.device.type, enabled=False):  # the scores of different clips differ by little
            forth = first @ (second + LOGARITHM_FLOOR).log().T
            back = second @ (first + LOGARITHM_FLOOR).log().T
        return forth + (back if self.config.denominator == "released" else back.T)


def usage(codes: Quantized) -> Tensor:
    """Soft use (B, K) of the codewords by each clip; zero for a clip without a real step."""
    assert codes.distances is not None, "needs_distances"
    by_level = codes.distances.unflatten(-1, (codes.levels, -1))
    assignment = (-euclidean(by_level)).softmax(dim=-1).flatten(-2)
    if codes.mask is None:
        return assignment.mean(dim=1)
    steps = codes.mask.sum(dim=1, keepdim=True).clamp_min(1)
    return assignment.masked_fill(~codes.mask[..., None], 0).sum(dim=1) / steps


def euclidean(squared: Tensor) -> Tensor:
    """Square root whose gradient is zero, not infinite, where the distance is zero."""
    positive = squared > 0
    return squared.where(positive, 1).sqrt().where(positive, 0)


def _floor(scores: Tensor) -> Tensor:
    """The constant that the released code adds to each denominator, as one more candidate (B, 1)."""
    return (scores.amin() + math.log(DENOMINATOR_FLOOR)).expand(len(scores), 1)
