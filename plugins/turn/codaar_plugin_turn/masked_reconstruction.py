"""Masked steps of one modality are reconstructed from the codes of another."""

from __future__ import annotations

import math
from itertools import permutations

import attrs
import torch
from attrs.validators import and_, ge, gt, lt
from torch import Tensor, nn

from codaar_core.api import (
    ComponentError,
    Features,
    LossContext,
    Quantized,
    Ranks,
    Shared,
    SharingLoss,
    StepView,
    not_compiled,
    setting,
    uniform_by_clip,
)
from codaar_core.nn import ignored_steps


class MaskedReconstruction(SharingLoss):
    """Self-cross-reconstruction (TURN: Zhao et al., NeurIPS 2022): the input of a modality from the codes of another.

    A share of the steps is replaced by a learned token; a transformer decoder sees the rest, attends to the codes of
    one other modality, and reconstructs the input: mean absolute error at the replaced steps, one term for each ordered
    pair. Maps are averaged over their cells first.

    Raises:
        ComponentError: There is only one modality, or the heads do not divide the latent width.
    """

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings; TURN gives none of them: see docs/methods.md."""

        mask: float = setting(0.5, "probability that a step is masked", and_(gt(0.0), lt(1.0)))
        layers: int = setting(2, "layers of the decoders", ge(1))
        heads: int = setting(4, "attention heads of each layer", ge(1))
        feedforward: int = setting(1024, "hidden width of each layer's feed-forward part", ge(1))
        dropout: float = setting(0.1, "dropout of the decoders", and_(ge(0.0), lt(1.0)))

    def __init__(self, config: Config, context: LossContext) -> None:
        super().__init__(config, context)
        if len(context.modalities) < 2 or not context.inputs:
            raise ComponentError(
                "masked-reconstruction needs two modalities",
                "leave it out of losses",
            )
        width = context.latent.width
        if width % config.heads:
            raise ComponentError(
                f"{config.heads} heads do not divide the latent width {width}", "change heads or quantizer.dim"
            )
        self.pairs = tuple(permutations(context.modalities, 2))
        self.decoders = nn.ModuleDict(
            {m: MaskedDecoder(context.inputs[m].width, width, config) for m in context.modalities}
        )

    def prepare(self, view: StepView) -> Shared:
        """Sum the absolute errors of each pair, and count the steps that they are means of."""
        inputs = {m: averaged(view.inputs[m]) for m in self.decoders}
        replaced = self._replaced(view, inputs)
        counted = {m: each if inputs[m].mask is None else each & inputs[m].mask for m, each in replaced.items()}
        errors = [self._error(m, inputs[m], replaced[m], counted[m], view.quantized[n]) for m, n in self.pairs]
        return Shared(sums=tuple(each.sum() for each in counted.values()), kept=tuple(errors))

    def complete(self, view: StepView, shared: Shared) -> dict[str, Tensor]:
        """Give the mean absolute errors, named like "a from b"."""
        counts = dict(zip(self.decoders, shared.sums, strict=True))
        errors = zip(self.pairs, shared.kept, strict=True)
        return {f"{m} from {n}": _mean(error, counts[m], view.ranks) for (m, n), error in errors}

    @not_compiled
    def _replaced(self, view: StepView, inputs: dict[str, Features]) -> dict[str, Tensor]:
        """Draw which steps (B, T) of each modality are replaced."""
        values = {modality: features.values for modality, features in inputs.items()}
        draws = {m: uniform_by_clip(view.ranks, *each.shape[:2], view.device_generator) for m, each in values.items()}
        return {m: each.to(values[m].device) < self.config.mask for m, each in draws.items()}

    def _error(self, modality: str, features: Features, replaced: Tensor, counted: Tensor, other: Quantized) -> Tensor:
        """Sum over the counted steps of the mean absolute error of a step."""
        values, mask = features
        restored = self.decoders[modality](values, mask, replaced, other)
        return (restored - values).abs().masked_fill(~counted[..., None], 0).sum() / values.shape[-1]


def _mean(total: Tensor, count: Tensor, ranks: Ranks) -> Tensor:
    return total * ranks.size / count.clamp_min(1).to(total.dtype)


class MaskedDecoder(nn.Module):
    """Reconstructs (B, T, F) from the unmasked steps and the codes (B, T', D) of another modality."""

    def __init__(self, input: int, width: int, config: MaskedReconstruction.Config) -> None:
        super().__init__()
        self.narrow = nn.Linear(input, width)
        self.token = nn.Parameter(torch.randn(width) / math.sqrt(width))
        self.layers = nn.ModuleList(
            nn.TransformerDecoderLayer(width, config.heads, config.feedforward, config.dropout, batch_first=True)
            for _ in range(config.layers)
        )
        self.widen = nn.Linear(width, input)

    def forward(self, values: Tensor, mask: Tensor | None, replaced: Tensor, other: Quantized) -> Tensor:
        """Attend to the real steps of both only."""
        steps = torch.where(replaced[..., None], self.token, self.narrow(values))
        hidden = steps + positions(steps)
        for layer in self.layers:
            hidden = layer(
                hidden,
                other.own,
                tgt_key_padding_mask=ignored_steps(mask),
                memory_key_padding_mask=ignored_steps(other.mask),
            )
        return self.widen(hidden)


def averaged(features: Features) -> Features:
    """Maps (B, T, ..., F) as vectors (B, T, F): the mean over their cells."""
    values = features.values
    return features if values.dim() == 3 else features._replace(values=values.flatten(2, -2).mean(dim=2))


def positions(steps: Tensor) -> Tensor:
    """Sines and cosines (T, D) of the time with wavelengths from 2 pi to 20,000 pi (arXiv 1706.03762)."""
    length, width = steps.shape[1:]
    time = torch.arange(length, device=steps.device, dtype=steps.dtype)
    exponents = torch.arange(0, width, 2, device=steps.device, dtype=steps.dtype) / width
    angles = time[:, None] * torch.pow(10_000.0, -exponents)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width]
