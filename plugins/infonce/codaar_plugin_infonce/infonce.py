"""InfoNCE between modalities: of whole clips, of the steps of a clip, or both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import ClassVar, Literal, NamedTuple

import attrs
import torch
from attrs.validators import and_, ge, gt, le
from torch import Tensor
from torch.nn import functional as F

from codaar_core.api import (
    ComponentError,
    Encoded,
    LossContext,
    Shared,
    SharingLoss,
    StepView,
    not_compiled,
    setting,
    uniform_by_clip,
)
from codaar_core.api.ranks import SingleProcess
from codaar_core.nn import ContrastSettings


class InfoNce(SharingLoss):
    """Cosine contrast: an anchor of one modality against its key and other keys of another modality.

    The term "clips" contrasts the mean latent of a clip with those of the other clips (van den Oord et al., arXiv
    1807.03748); "steps" contrasts a step with the other steps of its clip, over the steps that both modalities have.
    Each is the mean of -log softmax over all ordered pairs of modalities. Anchors may be masked, keys are not: the fine
    and coarse masked contrast of MICU. A masked anchor is zero, so that all its cosines are zero.

    Raises:
        ComponentError: There is no pair of modalities, or both weights are zero.
    """

    examples: ClassVar = (
        {"clips": 0.0, "steps": 1.0},
        {"steps": 1.0, "keep": 0.7, "within": True, "reduction": "sum"},
    )
    expected_failures: ClassVar = {"settings-matter": "negatives has an effect with several processes only"}

    @attrs.frozen(kw_only=True)
    class Config(ContrastSettings):
        """Settings of InfoNCE."""

        clips: float = setting(1.0, "weight of the contrast between clips", ge(0.0))
        steps: float = setting(0.0, "weight of the contrast between the steps of a clip", ge(0.0))
        within: bool = setting(False, "whether each modality is contrasted with itself too")
        temperature: float = setting(0.1, "divisor of the cosines", gt(0.0))
        keep: float = setting(1.0, "share of the steps that anchors keep, drawn for each clip", and_(gt(0.0), le(1.0)))
        reduction: Literal["mean", "sum"] = setting("mean", "mean or sum over the ordered pairs of modalities")

    def __init__(self, config: Config, context: LossContext) -> None:
        super().__init__(config, context)
        pairs = product(context.modalities, repeat=2)
        self.pairs = [(anchor, key) for anchor, key in pairs if anchor != key or config.within]
        if not self.pairs:
            raise ComponentError(
                "infonce compares modalities, but the model has only one", "leave infonce out of losses, or set within"
            )
        if not config.clips + config.steps:
            raise ComponentError("infonce contrasts neither clips nor steps", "set clips or steps to a positive weight")

    def prepare(self, view: StepView) -> Shared:
        """Contrast the latents of all clips."""
        return self.config.shared(*(each for item in view.encoded.values() for each in (item.semantic, item.real())))

    def complete(self, view: StepView, shared: Shared) -> dict[str, Tensor]:
        """Give the terms "clips" and "steps", if their weight is positive."""
        compared = iter(self.config.compared(shared))
        keys = {m: Latents(next(compared), next(compared)) for m in view.encoded}
        anchors = keys if self.config.keep == 1.0 else masked(keys, self._kept(keys, view))
        terms = {}
        if self.config.clips:
            terms["clips"] = self.config.clips * self._contrasted(whole_clips(anchors), whole_clips(keys))
        if self.config.steps:
            terms["steps"] = self.config.steps * self._contrasted(anchors, keys)
        return terms

    @not_compiled
    def _kept(self, latents: dict[str, Latents], view: StepView) -> Tensor:
        """Draw which steps (B, longest T) of each clip anchors keep."""
        first = next(iter(latents.values())).values
        steps = max(item.values.shape[1] for item in latents.values())
        ranks = SingleProcess() if self.config.negatives == "gathered" else view.ranks  # gathered: all ranks draw alike
        draws = uniform_by_clip(ranks, len(first), steps, view.device_generator)
        return (draws < self.config.keep).to(first.device)

    def _contrasted(self, anchors: Mapping[str, Latents], keys: Mapping[str, Latents]) -> Tensor:
        """Mean or sum over all pairs; those with equally many latents in a group are computed together."""
        common = {(a, k): min(anchors[a].real.shape[1], keys[k].real.shape[1]) for a, k in self.pairs}
        losses = []
        for number in dict.fromkeys(common.values()):
            together = [pair for pair, of_pair in common.items() if of_pair == number]
            one = stacked([anchors[anchor].cut(number) for anchor, _ in together])
            other = stacked([keys[key].cut(number) for _, key in together])
            losses.append(contrast(one.values, other.values, one.real & other.real, self.config.temperature))
        of_pairs = torch.cat(losses)
        return of_pairs.mean() if self.config.reduction == "mean" else of_pairs.sum()


class Latents(NamedTuple):
    """Groups of latents that are contrasted, (G, N, D), and which of them are real, (G, N); of pairs, (P, G, N, D)."""

    values: Tensor
    real: Tensor

    def cut(self, number: int) -> Latents:
        """The first latents of each group, e.g. steps of a clip."""
        return Latents(self.values[:, :number], self.real[:, :number])


def stacked(latents: Sequence[Latents]) -> Latents:
    """Latents of several pairs, with equally many latents in a group."""
    return Latents(*(torch.stack(each) for each in zip(*latents, strict=True)))


def masked(latents: dict[str, Latents], kept: Tensor) -> dict[str, Latents]:
    """The anchors: of each clip the same steps are masked in all modalities."""
    return {m: Latents(item.values * kept[:, : item.values.shape[1], None], item.real) for m, item in latents.items()}


def whole_clips(latents: Mapping[str, Latents]) -> dict[str, Latents]:
    """The mean latents of all clips, as one group, by modality."""
    means = {m: Encoded(item.values, mask=item.real).mean() for m, item in latents.items()}
    return {m: Latents(means[m][None], item.real.any(dim=1)[None]) for m, item in latents.items()}


def contrast(anchors: Tensor, keys: Tensor, real: Tensor, temperature: float) -> Tensor:
    """-log softmax of each anchor with its key among those of its group; mean in groups, then over them.

    Args:
        anchors: Anchors (..., G, N, D).
        keys: Keys of these anchors, in the same shape.
        real: Which anchors and keys are real (..., G, N).
        temperature: Divisor of the cosines.

    Returns:
        (...); groups without a real anchor do not count.
    """
    with torch.autocast(anchors.device.type, enabled=False):
        scores = F.normalize(anchors, dim=-1) @ F.normalize(keys, dim=-1).mT / temperature
    itself = torch.eye(scores.shape[-1], dtype=torch.bool, device=scores.device)
    scores = scores.masked_fill(~real[..., None, :] & ~itself, -torch.inf)
    losses = -scores.log_softmax(dim=-1).diagonal(dim1=-2, dim2=-1)
    groups = losses.masked_fill(~real, 0).sum(dim=-1) / real.sum(dim=-1).clamp_min(1)
    return groups.sum(dim=-1) / real.any(dim=-1).sum(dim=-1).clamp_min(1)
