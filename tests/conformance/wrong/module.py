"""Modules that break what every module must keep."""

from __future__ import annotations

import random

import torch
from good_components import (
    GoodCentredEncoder,
    GoodDecoder,
    GoodEncoder,
    GoodHead,
    GoodLoss,
    GoodOwnLoss,
    GoodQuantizer,
    GoodSharingLoss,
    GoodTrainedQuantizer,
)
from torch import nn
from torch.nn import functional as F

from codaar_core.testing.environment.ranks import SingleProcess
from wrong.register import alters, breaks, replaces


class RememberingEncoder(GoodEncoder):
    """Has a buffer that wrong encoders change."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.register_buffer("seen", torch.zeros(()))


@breaks("finite", "1 clips of 1 steps")
class DividesByDeviation(GoodEncoder):
    """The deviation over one step is not defined."""

    def forward(self, features):
        return super().forward(features._replace(values=features.values / features.values.std(1, keepdim=True)))


@breaks("inputs-unchanged", "mutated its input in place")
class ScalesInPlace(GoodEncoder):
    """Saves memory at the wrong place."""

    def forward(self, features):
        features.values.mul_(2)
        return super().forward(features)


@alters(GoodDecoder, "forward", "repeatable", "gives a different reconstruction the second time")
def always_drops(reconstruction):
    """Dropout that does not know the mode."""
    return F.dropout(reconstruction, 0.5)


@breaks("deterministic", "with the same seed, objective differs")
class DrawsFromPython(GoodDecoder):
    """Noise that no seed of torch reaches."""

    def forward(self, encoded, quantized):
        return super().forward(encoded, quantized) + self.training * random.random()


@breaks("deterministic", "has no deterministic algorithm")
class HasNoDeterministicForm(GoodHead):
    """An operation that promises no order."""

    def forward(self, quantized):
        logits = super().forward(quantized)
        if torch.are_deterministic_algorithms_enabled():
            raise RuntimeError("scatter_fast does not have a deterministic implementation")
        return logits


@breaks("compiles", "compiled, its objective")
class ForgetsWhenTraced(GoodEncoder):
    """Does something else while it is compiled."""

    def forward(self, features):
        return super().forward(features._replace(values=features.values * (1 + torch.compiler.is_compiling())))


@alters(GoodHead, "forward", "clips-apart", "changes with the other clips of its batch")
def centres_the_batch(logits):
    """Statistics of the batch, in evaluation too."""
    return logits - logits.mean(0)


@alters(GoodEncoder, "forward", "masked-steps", "change semantic at real steps")
def mean_of_all_steps(encoded):
    """Padding counts."""
    return encoded._replace(semantic=encoded.semantic + encoded.semantic.mean(1, keepdim=True))


@breaks("masked-steps", "change logits at real steps")
class IgnoresMask(GoodHead):
    """Padding counts."""

    def forward(self, quantized):
        return super().forward(quantized._replace(mask=None))


@breaks("masked-steps", "change north")
class LossIgnoresMask(GoodLoss):
    """Padding counts."""

    def term(self, item, ranks):
        return super().term(item._replace(mask=None), ranks)


@breaks("masked-steps", "change seen")
class CountsPadding(RememberingEncoder):
    """Padding moves a running statistic."""

    def forward(self, features):
        if self.training:
            self.seen.add_(features.values.detach().mean())
        return super().forward(features)


@breaks("gradients", "no gradient reaches spare.weight")
class SpareLayer(GoodDecoder):
    """A layer that nothing uses."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.spare = nn.Linear(2, 2)


@replaces(GoodLoss, "forward", "gradients", "the gradient of scale is not finite")
def root_at_zero(self, view):
    """The slope of a root is infinite at zero."""
    return {"root": (0 * self.scale.sum()).sqrt() + view.encoded["north"].semantic.sum()}


@breaks("state-in-tensors", "a training step changes calls in Python")
class CountsInPython(GoodEncoder):
    """A number that no checkpoint has."""

    calls = 0

    def forward(self, features):
        self.calls += self.training
        return super().forward(features)


@breaks("state-in-tensors", r"a training step changes seen in Python, or puts another tensor there")
class ReplacesABuffer(RememberingEncoder):
    """A new tensor in every step."""

    def forward(self, features):
        if self.training:
            self.seen = self.seen + 1
        return super().forward(features)


@breaks("state-in-tensors", "a training step changes steps in Python")
class CountsInnerSteps(GoodOwnLoss):
    """A number that no checkpoint has."""

    steps = 0

    def inner_step(self, view):
        self.steps += 1
        super().inner_step(view)


@breaks("plain-buffers", "seen carries a gradient")
class KeepsTheGraph(RememberingEncoder):
    """A running mean with its history."""

    def forward(self, features):
        encoded = super().forward(features)
        self.seen = 0.9 * self.seen + 0.1 * encoded.semantic.mean()
        return encoded


@breaks("evaluation-keeps-state", "changes seen in evaluation mode")
class CountsAlways(RememberingEncoder):
    """A running statistic that does not know the mode."""

    def forward(self, features):
        self.seen.add_(1)
        return super().forward(features)


@replaces(
    GoodCentredEncoder,
    "join",
    "training-on-ranks",
    "with the clips on two ranks, semantic differs from a single process",
)
def centres_own_clips(self, ranks):
    """Statistics of its own clips."""
    return None


@breaks("training-on-ranks", "with the clips on two ranks, reconstruction differs")
class NormalisesOwnClips(GoodDecoder):
    """Batch normalisation of torch."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.norm = nn.BatchNorm1d(context.output.width)

    def forward(self, encoded, quantized):
        return self.norm(super().forward(encoded, quantized).movedim(-1, 1)).movedim(1, -1)


@breaks("training-on-ranks", "the gradient of words differs")
class TrainsOnOneRank(GoodTrainedQuantizer):
    """Scales the gradient of its codewords by the number of clips."""

    def lookup(self, modality, indices):
        found = super().lookup(modality, indices)
        return found._replace(own=found.own + (found.own - found.own.detach()) * len(indices))


@breaks("training-on-ranks", "with the clips on two ranks, north, east, south differs")
class SumsClips(GoodLoss):
    """The more clips a rank has, the more they weigh."""

    def forward(self, view):
        return {name: term * len(view.inputs[name].values) for name, term in super().forward(view).items()}


@breaks("training-on-ranks", "differs from a single process")
class CountsOwnSteps(GoodLoss):
    """The fewer real steps a rank has, the more they weigh."""

    def term(self, item, ranks):
        return super().term(item, SingleProcess())


@breaks("training-on-ranks", "draw for the clips of all ranks")
class DrawsForOwnClips(GoodLoss):
    """Ranks give their first clips the same draws."""

    def forward(self, view):
        return {name: self.drawn(view, name) for name in view.encoded}

    def drawn(self, view, name):
        item = view.encoded[name]
        weights = torch.rand(item.semantic.shape[:2], generator=view.generator).to(item.semantic.dtype)
        return self.term(item._replace(semantic=item.semantic * weights[..., None]), view.ranks)


@breaks("training-on-ranks", "with the clips on three ranks, one of them without a clip,")
class CountsRanks(GoodLoss):
    """Its mean over ranks counts a rank without a clip as one with a clip."""

    def forward(self, view):
        present = {name: item.real().any().to(item.semantic.dtype) for name, item in view.encoded.items()}
        return {name: term * (2 - present[name]) + 1 - present[name] for name, term in super().forward(view).items()}


@breaks("training-on-ranks", "differs from a single process")
class ComparesItsFirstClips(GoodSharingLoss):
    """Computes something else from the clips of all ranks on every rank."""

    def complete(self, view, shared):
        own = len(view.encoded["north"].semantic)
        return super().complete(view, shared._replace(clips=tuple(each[:own] for each in shared.clips)))


@breaks("autocast", "are the same under autocast to bfloat16")
class CoarseDistances(GoodQuantizer):
    """Distances as differences of large numbers."""

    def assign(self, modality, item, encoded):
        book = self.codebooks()[modality] + 100
        latents = item.semantic + 100
        products = torch.einsum("btd,kd->btk", latents, book)
        distances = latents.square().sum(-1, keepdim=True) - 2 * products + book.square().sum(-1)
        found = super().assign(modality, item, encoded)
        return found._replace(indices=distances.argmin(-1))


@alters(GoodEncoder, "forward", "other-device", "mixes devices when it is moved")
def constants_at_home(encoded):
    """Makes a constant where torch likes it, not where the input is."""
    return encoded._replace(semantic=encoded.semantic * torch.linspace(0, 1, encoded.semantic.shape[-1]))


@alters(GoodEncoder, "forward", "float64", "gives semantic in torch.float32")
def always_single(encoded):
    """Knows one precision."""
    return encoded._replace(semantic=encoded.semantic.float())


@alters(GoodDecoder, "forward", "float64", "is far from that in float32")
def loses_digits(reconstruction):
    """A small difference of large numbers."""
    return reconstruction + 1e8 - 1e8


@breaks("saves", "gives a different logits after saving and loading")
class Unregistered(GoodHead):
    """A tensor that no checkpoint knows."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.shift = torch.randn(len(context.classes))

    def forward(self, quantized):
        return super().forward(quantized) + self.shift


@breaks("saves", "share memory")
class SharedTensor(GoodHead):
    """One tensor under two names."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.register_buffer("again", self.out.weight.data)


@breaks("repeatable", "a loss gives generator=view.generator to its draws")
class DrawsAlone(GoodLoss):
    """Uses the global generator."""

    def term(self, item, ranks):
        return super().term(item, ranks) * torch.rand(())


@breaks("gradients", "no gradient reaches extra")
class ForgottenParameter(GoodOwnLoss):
    """A parameter that neither its optimizer nor its terms know."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.extra = nn.Parameter(torch.zeros(1))
