"""Loss "code-entropy": each latent should be near one codeword, and all codewords should be used."""

from __future__ import annotations

import attrs
import torch
from attrs.validators import ge, gt
from torch import Tensor

from codaar_core.api import Loss, StepView, setting, sum_all


class CodeEntropy(Loss):
    """Entropy of a latent's codewords minus that of the batch: arXiv 2310.05737, Eq. 5, as in vector-quantize-pytorch.

    With ``p = softmax(-a |z - e|^2)`` over the codewords e, it is the mean over steps of H(p) minus ``diversity`` times
    H of the mean of p over the real steps of all ranks; for each modality. It works with every quantizer that gives
    distances; with several codes a step, p is over the codewords of a level, and the entropies of all levels add up.
    """

    needs_distances = True

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of the entropy; the defaults are those of the library."""

        inverse_temperature: float = setting(100.0, "factor a of the squared distances", gt(0.0))
        diversity: float = setting(1.0, "weight of the entropy of the batch", ge(0.0))

    def forward(self, view: StepView) -> dict[str, Tensor]:
        """Give one scalar for each modality."""
        return {modality: self._entropy(view, modality) for modality in view.quantized}

    def _entropy(self, view: StepView, modality: str) -> Tensor:
        codes = view.quantized[modality]
        assert codes.distances is not None
        real = codes.real()[..., None]
        logits = -self.config.inverse_temperature * codes.distances.masked_fill(~real, 0)
        shares = logits.unflatten(-1, (codes.levels, -1)).softmax(-1).flatten(-2)
        of_all, count = sum_all(view.ranks, (shares * real).flatten(0, 1).sum(0), real.sum())
        count = count.clamp_min(1)
        of_steps = (entropy(shares) * real[..., 0]).sum() * view.ranks.size / count
        return of_steps - self.config.diversity * entropy(of_all / count)


def entropy(shares: Tensor) -> Tensor:
    """Entropy (...) of shares (..., K); logarithms are bounded as in the library."""
    return -(shares * torch.log(shares.clamp_min(1e-5))).sum(-1)
