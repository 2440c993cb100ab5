"""Cross-modal contrastive predictive coding: the past of one modality predicts the future of all."""

from __future__ import annotations

from typing import ClassVar, Literal

import attrs
import torch
from attrs.validators import ge
from torch import Tensor, nn

from codaar_core.api import (
    CodaarError,
    ComponentError,
    Encoded,
    LossContext,
    Shared,
    SharingLoss,
    StepView,
    not_compiled,
    setting,
)
from codaar_core.nn import ContrastSettings, PreciseLstm


class Cpc(SharingLoss):
    """An LSTM over steps 0..t of one modality predicts the latents t+1..t+horizon of every modality.

    The contrast is with the predictions of the other clips of the batch (arXiv 2605.12145, Eq. 2); t is drawn once a
    batch, from 1 to T - 1 - horizon. A pair is a target and a predicting modality; a clip is left out of the pair
    unless its steps 0..t+horizon are real in both.

    Raises:
        ComponentError: No pair has a positive weight.
        CodaarError: A modality has fewer than horizon + 2 steps.
    """

    examples: ClassVar = (
        {
            "horizon": 2,
            "layers": 1,
            "within": 0.0,
            "normalise": "targets",
            "bias": False,
            "reduction": "mean-of-directions",
        },
    )
    expected_failures: ClassVar = {"settings-matter": "negatives has an effect with several processes only"}

    @attrs.frozen(kw_only=True)
    class Config(ContrastSettings):
        """Settings of CPC; defaults: released code. Paper: horizon 2, layers 1, within 0, targets, no bias, and the
        mean of the two directions of a pair.
        """

        horizon: int = setting(1, "number of future steps that are predicted", ge(1))
        layers: int = setting(2, "layers of each LSTM", ge(1))
        cross: float = setting(1.0, "weight of a pair of different modalities", ge(0.0))
        within: float = setting(0.1, "weight of a modality with itself", ge(0.0))
        normalise: Literal["predictions", "targets"] = setting(
            "predictions",
            "softmax over predictions for a target (released), or over targets of a prediction (paper)",
        )
        bias: bool = setting(True, "whether predictors have a bias (released: yes, paper: no)")
        reduction: Literal["sum", "mean-of-directions", "mean"] = setting(
            "sum",
            "weighted sum over ordered pairs (released); mean of the two directions of a pair, summed over pairs "
            "(paper, Eq. 10); weighted mean over ordered pairs",
        )

    def __init__(self, config: Config, context: LossContext) -> None:
        super().__init__(config, context)
        self.modalities = context.modalities
        modalities = len(self.modalities)
        self.total_weight = modalities * ((modalities - 1) * config.cross + config.within)
        if not self.total_weight:
            raise ComponentError(
                f"no pair of cpc has a weight: {modalities} modalities, cross {config.cross}, within {config.within}",
                "make cross (or, with one modality, within) positive, or leave cpc out of losses",
            )
        width = context.latent.width
        self.contexts = nn.ModuleDict(
            {modality: PreciseLstm(width, width, config.layers, batch_first=True) for modality in self.modalities}
        )
        self.predictors = nn.ModuleDict(
            {modality: nn.Linear(width, config.horizon * width, config.bias) for modality in self.modalities}
        )

    def prepare(self, view: StepView) -> Shared:
        """Predict the latents of each modality at steps after a drawn one."""
        targets, contexts, real = self._divide(view)
        compared = (targets, self._predict(contexts), *real)
        return self.config.shared(*(each.transpose(0, 1) for each in compared))

    def complete(self, view: StepView, shared: Shared) -> dict[str, Tensor]:
        """Give the term "nce"."""
        return {"nce": self._contrast(*(each.transpose(0, 1) for each in self.config.compared(shared)))}

    @not_compiled
    def _divide(self, view: StepView) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Draw a time; targets (M, B, horizon, D), contexts (M, B, D) and which clips (M, B) are real, unless all."""
        encoded = [view.encoded[modality] for modality in self.modalities]
        time = self._draw_time(encoded, view.device_generator)
        past = int(time) + 1 if time.device.type == "cpu" else self._times(encoded)  # reading it waits for a GPU
        future = time + torch.arange(1, 1 + self.config.horizon, device=time.device)
        steps = self._times(encoded) + self.config.horizon
        latents = torch.stack([item.semantic[:, :steps] for item in encoded])
        pasts = zip(self.modalities, (item.semantic[:, :past] for item in encoded), strict=True)
        contexts = torch.stack([self.contexts[modality](past)[0] for modality, past in pasts])
        masked = view.ranks.size > 1 or any(item.mask is not None for item in encoded)  # other ranks may have masks
        real = [torch.stack([_real_clips(item, future[-1]) for item in encoded])] if masked else []
        return latents.index_select(2, future), contexts.index_select(2, time).squeeze(2), real

    def _draw_time(self, encoded: list[Encoded], generator: torch.Generator) -> Tensor:
        """Draw the last step (1,) that predictors read; the same for all clips and modalities."""
        return 1 + draw(self._times(encoded) - 1, generator)

    def _times(self, encoded: list[Encoded]) -> int:
        """Number of steps, from 0, after which ``horizon`` more follow in all modalities."""
        lengths = [item.semantic.shape[1] for item in encoded]
        times = min(lengths) - self.config.horizon
        if times < 2:
            shortest = self.modalities[lengths.index(min(lengths))]
            raise CodaarError(
                f"cpc with horizon {self.config.horizon} needs {self.config.horizon + 2} steps, "
                f"but {shortest} has {min(lengths)}",
                "lower the horizon, or leave cpc out of losses",
            )
        return times

    def _predict(self, contexts: Tensor) -> Tensor:
        """Predicted latents (M, B, horizon, D) of contexts (M, B, D); each modality has its own linear map."""
        maps = [self.predictors[modality] for modality in self.modalities]
        weights = torch.stack([each.weight for each in maps]).mT
        if self.config.bias:
            predicted = torch.baddbmm(torch.stack([each.bias for each in maps])[:, None], contexts, weights)
        else:
            predicted = contexts @ weights
        return predicted.unflatten(-1, (self.config.horizon, -1))

    def _contrast(self, targets: Tensor, predictions: Tensor, real: Tensor | None = None) -> Tensor:
        """-log softmax of each clip with itself for (M, B, horizon, D): mean over clips and horizon, sum over pairs."""
        scores = torch.einsum("nihd,mjhd->hnmij", targets, predictions)
        clips: int | Tensor = scores.shape[-1]
        if real is not None:
            kept = real[:, None] & real
            scores, clips = _without(scores, kept), kept.sum(dim=-1).clamp_min(1)
        axis = -1 if self.config.normalise == "predictions" else -2
        correct = scores.log_softmax(dim=axis).diagonal(dim1=-2, dim2=-1)
        return self._weigh(-correct.sum(dim=-1).mean(dim=0) / clips)

    def _weigh(self, pairs: Tensor) -> Tensor:
        """Reduce the losses (M, M) of the ordered pairs; a modality with itself has one direction only."""
        within = pairs.diagonal().sum()
        across = pairs.sum() - within
        if self.config.reduction == "mean-of-directions":
            across = across / 2
        total = self.config.cross * across + self.config.within * within
        return total / self.total_weight if self.config.reduction == "mean" else total


def draw(choices: int, generator: torch.Generator) -> Tensor:
    """Draw a number (1,) below ``choices``, on the device of the generator: the host need not know it."""
    return torch.randint(choices, (1,), generator=generator, device=generator.device)


def _without(scores: Tensor, kept: Tensor) -> Tensor:
    """Scores (..., B, B) of the clips kept (..., B); another keeps that with itself only, whose logarithm is zero."""
    itself = torch.eye(scores.shape[-1], dtype=torch.bool, device=scores.device)
    left_out = ~(kept[..., None, :] & kept[..., :, None])
    return scores.masked_fill(left_out & ~itself, -torch.inf)


def _real_clips(encoded: Encoded, last: Tensor) -> Tensor:
    """Clips (B,) whose steps are all real, up to the step ``last``."""
    if encoded.mask is None:
        return encoded.semantic.new_ones(len(encoded.semantic), dtype=torch.bool)
    later = torch.arange(encoded.mask.shape[1], device=last.device) > last
    return (encoded.mask | later).all(dim=1)
