"""CLUB: minimises an upper bound of the mutual information of codes and private features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import attrs
import torch
from attrs.validators import ge, gt
from torch import Tensor, nn
from torch.func import functional_call

from codaar_core.api import Encoded, LossContext, Shared, StepView, not_compiled, setting, sum_all
from codaar_plugin_dcid.separation import SeparationLoss


class Club(SeparationLoss):
    """Mutual information of a modality's codes x and private features y, bounded from above (arXiv 2006.12013).

    For each modality an estimator learns a normal distribution of y given x, in optimizer steps of its own. The bound
    is the log-likelihood of y minus that of the y of another clip of the batch; the model minimises it, so that shared
    and private information are separated (DCID, released code). Private maps are first turned into vectors by a mean
    over the cells and two linear maps; these are trained with the model, and decoders do not read them.

    Raises:
        ComponentError: No encoder has private features.
    """

    examples: ClassVar = ({"of": "latents", "inner_steps": 1},)

    @attrs.frozen(kw_only=True)
    class Config(SeparationLoss.Config):
        """Settings of CLUB; the defaults are those of the released code of DCID."""

        inner_steps: int = setting(5, "steps of the estimators for each step of the model", ge(1))
        lr: float = setting(1e-3, "learning rate of the estimators (Adam)", gt(0.0))

    def __init__(self, config: Config, context: LossContext) -> None:
        super().__init__(config, context)
        self.estimators = nn.ModuleDict({m: Estimator(*widths, config.hidden) for m, widths in self.widths.items()})
        self.optimizer = torch.optim.Adam(self.estimators.parameters(), lr=config.lr, fused=True)

    def inner_step(self, view: StepView) -> None:
        """Train the estimators on detached codes and private features."""
        pairs = [(self.estimators[m], *(each.detach() for each in pair)) for m, *pair in self.pairs(view)]
        counts = [each.clamp_min(1) for each in sum_all(view.ranks, *(real.sum() for *_, real in pairs))]
        for _ in range(self.config.inner_steps):
            self.optimizer.zero_grad()
            totals = [estimator.surprise(x, y, real).sum() for estimator, x, y, real in pairs]
            losses = [total / count.to(total.dtype) for total, count in zip(totals, counts, strict=True)]
            (torch.stack(losses).sum() * view.ranks.size).backward()
            self.optimizer.step()
        self.optimizer.zero_grad()

    def complete(self, view: StepView, shared: Shared) -> dict[str, Tensor]:
        """Give the bound of each modality with private features, a scalar."""
        pairs = self.of_all_clips(shared)
        others = _others(view, {m: len(real) for m, (_, _, real) in pairs.items()})
        return {m: self._bound(m, *pair, others[m].to(pair[1].device)) for m, pair in pairs.items()}

    def _bound(self, modality: str, x: Tensor, y: Tensor, real: Tensor, other: Tensor) -> Tensor:
        """Mean over clips of (squared error of another clip's y - squared error of the own y) / (2 variance).

        A clip is left out if no step is real both in it and in the other clip: there is nothing to compare.
        """
        frozen = {name: each.detach() for name, each in self.estimators[modality].named_parameters()}
        mean, log_variance = functional_call(self.estimators[modality], frozen, (x,))
        own_error = over_time((mean - y).square(), real)
        both = real & real[other]
        other_error = over_time((mean - y[other]).square(), both)
        bounds = (other_error - own_error) / over_time(log_variance, real).exp() / 2
        compared = both.any(dim=1)
        return bounds.sum(dim=-1).masked_fill(~compared, 0).sum() / compared.sum().clamp_min(1)


@not_compiled
def _others(view: StepView, clips: Mapping[str, int]) -> dict[str, Tensor]:
    """Draw an order of the clips (B,) for each modality."""
    generator = view.device_generator
    return {m: torch.randperm(each, generator=generator, device=generator.device) for m, each in clips.items()}


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

    def surprise(self, x: Tensor, y: Tensor, real: Tensor) -> Tensor:
        """Negative log-likelihood (B, T) up to a constant, summed over Y; zero at steps that are not real."""
        mean, log_variance = self(x)
        steps = ((mean - y).square() / log_variance.exp() + log_variance).sum(dim=-1) / 2
        return steps.masked_fill(~real, 0)


def _perceptron(input: int, hidden: int, output: int) -> nn.Sequential:
    widths = (input, hidden, hidden, hidden)
    layers = [each for pair in zip(widths, widths[1:], strict=False) for each in (nn.Linear(*pair), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(hidden, output))


def over_time(values: Tensor, real: Tensor) -> Tensor:
    """Mean (B, Y) of (B, T, Y) over the real steps; zero where there are none."""
    return Encoded(values, mask=real).mean()
