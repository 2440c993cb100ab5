"""CLUB: minimises an upper bound of the mutual information of codes and private features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import attrs
import torch
from attrs.validators import ge, gt
from torch import Tensor, nn
from torch.func import functional_call

from codaar_core.api import ComponentError, Encoded, Loss, LossContext, Space, StepView, gather_clips, setting


class Club(Loss):
    """Mutual information of a modality's codes x and private features y, bounded from above (arXiv 2006.12013).

    For each modality an estimator learns a normal distribution of y given x, in optimizer steps of its own. The bound
    is the log-likelihood of y minus that of the y of another clip of the batch; the model minimises it, so that shared
    and private information are separated (DCID, released code). Private maps are first turned into vectors by a mean
    over the cells and two linear maps; these are trained with the model, and decoders do not read them.

    Raises:
        ComponentError: No encoder has private features.
    """

    examples: ClassVar = ({"of": "latents"},)
    expected_failures: ClassVar = {"settings-matter": "side has an effect on private maps only; the kit gives vectors"}

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of CLUB; the defaults are those of the released code of DCID."""

        of: Literal["codes", "latents"] = setting("codes", "x: straight-through codes (released), or latents (paper)")
        side: int = setting(512, "width of the vector made of a private map", ge(1))
        hidden: int = setting(128, "width of the estimators' hidden layers", ge(1))
        inner_steps: int = setting(5, "steps of the estimators for each step of the model", ge(1))
        lr: float = setting(1e-3, "learning rate of the estimators (Adam)", gt(0.0))

    def __init__(self, config: Config, context: LossContext) -> None:
        super().__init__(config, context)
        privates = {m: encoder.private for m, encoder in context.encoders.items() if encoder.private is not None}
        if not privates:
            raise ComponentError("club needs private features, and no encoder has any", "leave club out of losses")
        self.sides = nn.ModuleDict({m: SideHead(s, config.side) for m, s in privates.items() if len(s.shape) > 1})
        widths = {m: config.side if m in self.sides else space.width for m, space in privates.items()}
        self.estimators = nn.ModuleDict(
            {m: Estimator(context.latent.width, width, config.hidden) for m, width in widths.items()}
        )
        self.optimizer = torch.optim.Adam(self.estimators.parameters(), lr=config.lr, fused=True)

    def inner_step(self, view: StepView) -> None:
        """Train the estimators on detached codes and private features."""
        pairs = [(self.estimators[m], *(each.detach() for each in pair)) for m, *pair in self._pairs(view)]
        for _ in range(self.config.inner_steps):
            self.optimizer.zero_grad()
            losses = [estimator.surprise(x, y, real, view) for estimator, x, y, real in pairs]
            torch.stack(losses).sum().backward()
            self.optimizer.step()
        self.optimizer.zero_grad()

    def forward(self, view: StepView) -> dict[str, Tensor]:
        """Give the bound of each modality with private features, a scalar."""
        return {m: self._bound(view, m, *pair) for m, *pair in self._pairs(view)}

    def _pairs(self, view: StepView) -> Iterator[tuple[str, Tensor, Tensor, Tensor]]:
        """For each modality x (B, T, D), y (B, T, Y), and which steps (B, T) are real."""
        for modality in self.estimators:
            encoded = view.encoded[modality]
            x = view.quantized[modality].own if self.config.of == "codes" else encoded.semantic
            y = self.sides[modality](encoded.private) if modality in self.sides else encoded.private
            yield modality, x, y, encoded.real()

    def _bound(self, view: StepView, modality: str, x: Tensor, y: Tensor, real: Tensor) -> Tensor:
        """Mean over clips of (squared error of another clip's y - squared error of the own y) / (2 variance).

        A clip is left out if no step is real both in it and in the other clip: there is nothing to compare.
        """
        x, y, real = gather_clips(view.ranks, x, y, real)
        frozen = {name: each.detach() for name, each in self.estimators[modality].named_parameters()}
        mean, log_variance = functional_call(self.estimators[modality], frozen, (x,))
        generator = view.device_generator
        other = torch.randperm(len(y), generator=generator, device=generator.device).to(y.device)
        own_error = over_time((mean - y).square(), real)
        both = real & real[other]
        other_error = over_time((mean - y[other]).square(), both)
        bounds = (other_error - own_error) / over_time(log_variance, real).exp() / 2
        compared = both.any(dim=1)
        return bounds.sum(dim=-1).masked_fill(~compared, 0).sum() / compared.sum().clamp_min(1)


class SideHead(nn.Module):
    """A private map (..., H, W, C) -> a vector (..., S)."""

    def __init__(self, private: Space, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(private.width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))

    def forward(self, private: Tensor) -> Tensor:
        """Map (B, T, H, W, C) to (B, T, S), after a mean over the cells."""
        return self.layers(private.flatten(2, -2).mean(dim=2))


class Estimator(nn.Module):
    """Mean and logarithm of the variance, between -1 and 1, of y (Y,) given x (D,)."""

    def __init__(self, x: int, y: int, hidden: int) -> None:
        super().__init__()
        self.mean = _perceptron(x, hidden, y)
        self.log_variance = nn.Sequential(_perceptron(x, hidden, y), nn.Tanh())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (..., D) to mean and log-variance, both (..., Y)."""
        with torch.autocast(x.device.type, enabled=False):
            x = x.to(self.mean[0].weight.dtype)
            return self.mean(x), self.log_variance(x)

    def surprise(self, x: Tensor, y: Tensor, real: Tensor, view: StepView) -> Tensor:
        """Negative log-likelihood up to a constant: sum over Y, mean over the real steps of all ranks."""
        mean, log_variance = self(x)
        steps = ((mean - y).square() / log_variance.exp() + log_variance).sum(dim=-1) / 2
        count = view.ranks.sum(real.sum()).clamp_min(1).to(steps.dtype) / view.ranks.size
        return steps.masked_fill(~real, 0).sum() / count


def _perceptron(input: int, hidden: int, output: int) -> nn.Sequential:
    widths = (input, hidden, hidden, hidden)
    layers = [each for pair in zip(widths, widths[1:], strict=False) for each in (nn.Linear(*pair), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(hidden, output))


def over_time(values: Tensor, real: Tensor) -> Tensor:
    """Mean (B, Y) of (B, T, Y) over the real steps; zero where there are none."""
    return Encoded(values, mask=real).mean()
