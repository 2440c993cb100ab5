"""Losses that break what only losses must keep."""

from __future__ import annotations

import attrs
import torch
from good_components import GoodLoss, GoodOwnLoss, GoodRecordingLoss

from codaar_core import api
from codaar_core.testing.environment.ranks import SingleProcess
from wrong.register import alters, breaks, replaces


@breaks("distances-declared", "reads Quantized.distances without declaring it: AttributeError")
class ForgetsToDeclare(GoodLoss):
    """Reads distances without needs_distances = True."""

    def forward(self, view):
        return {m: view.quantized[m].distances.amin(-1).mean() + term for m, term in super().forward(view).items()}


@alters(GoodLoss, "forward", "terms", "should give scalar tensors by name, it gives a Tensor")
def bare_scalar(terms):
    """One number without a name."""
    return terms["north"]


@replaces(GoodLoss, "term", "terms", "should give scalar tensors by name, it gives {'north'")
def term_per_clip(self, item, ranks):
    """Forgets to average."""
    return item.semantic.square().mean((1, 2)) * self.scale.sum()


@alters(GoodLoss, "forward", "reaches-something", "its gradient reaches nothing")
def trains_nothing(terms):
    """Everything is detached."""
    return {name: term.detach() for name, term in terms.items()}


@breaks("modalities", "is not finite for 1 modalities")
class DividesByOthers(GoodLoss):
    """Averages over the others, of which there may be none."""

    def forward(self, view):
        return {name: term / torch.tensor(len(view.encoded) - 1) for name, term in super().forward(view).items()}


@breaks("own-optimizer", "has an optimizer but no inner_step")
class NoInnerStep(GoodOwnLoss):
    """Never uses its optimizer."""

    inner_step = api.Loss.inner_step


@replaces(GoodOwnLoss, "inner_step", "inner-step-detached", "sends gradients into the model")
def trains_the_model(self, view):
    """Forgets to detach."""
    sum(self.guess(item.semantic, item, view.ranks) for item in view.encoded.values()).backward()


@replaces(
    GoodRecordingLoss,
    "inner_step",
    "inner-step-on-ranks",
    "with the clips on two ranks, recent differs after inner_step",
)
def remembers_its_own(self, view):
    """A queue of this rank's clips."""
    self.recent.copy_(view.encoded["north"].mean().detach()[-2:])


@breaks("inner-step-on-ranks", "estimator.weight differs after inner_step")
class EstimatesForOwnClips(GoodOwnLoss):
    """Its estimator weighs the clips of a rank by their share of that rank."""

    def inner_step(self, view):
        super().inner_step(attrs.evolve(view, ranks=SingleProcess()))
