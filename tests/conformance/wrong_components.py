"""For every check a component that breaks its rule, and words of the message that must come."""

from __future__ import annotations

import random
import wave

import attrs
import torch
from good_components import (
    GoodAlignment,
    GoodBenchmark,
    GoodData,
    GoodDecoder,
    GoodEncoder,
    GoodExtractor,
    GoodHead,
    GoodHook,
    GoodLoss,
    GoodOwnLoss,
    GoodQuantizer,
    GoodSplit,
)
from torch import nn
from torch.nn import functional as F

from codaar_core import api
from codaar_core.api import setting

WRONG: dict[tuple[str, str], list[tuple[type, str]]] = {}


def breaks(kind: str, check: str, message: str):
    """Enter a class for a check of a kind; ``message`` is a part of what must be said."""

    def enter(wrong: type) -> type:
        WRONG.setdefault((kind, check), []).append((wrong, message))
        return wrong

    return enter


# Settings


@breaks("loss", "described", "has no docstring")
class Undescribed(GoodLoss):
    pass


@breaks("loss", "described", "which is no whole sentence")
class HalfDescribed(GoodLoss):
    """The first line goes on
    in the second."""


@breaks("loss", "settings-frozen", "decorate it with @attrs.frozen(kw_only=True)")
class Thawed(GoodLoss):
    """Settings that change."""

    @attrs.define(kw_only=True)
    class Config:
        power: float = setting(2.0, "exponent")


@breaks("loss", "settings-explained", "does not explain power")
class Unexplained(GoodLoss):
    """A setting without its sentence."""

    @attrs.frozen(kw_only=True)
    class Config:
        power: float = 2.0


@breaks("loss", "settings-names", "declares weight, which core reads itself")
class TakenName(GoodLoss):
    """A setting that core has already."""

    @attrs.frozen(kw_only=True)
    class Config:
        weight: float = setting(2.0, "factor")


@breaks("loss", "settings-round-trip", "refuses its own settings")
class WrongDefault(GoodLoss):
    """A default of another type."""

    @attrs.frozen(kw_only=True)
    class Config:
        power: int = setting(2.5, "exponent")


@breaks("loss", "settings-round-trip", "give Needy a class attribute `example")
class Needy(GoodLoss):
    """A setting without default, and no example."""

    @attrs.frozen(kw_only=True)
    class Config:
        power: int = setting(help="exponent")


@breaks("loss", "settings-schema", "has no word for the type of power")
class AnyType(GoodLoss):
    """A setting that may be anything."""

    @attrs.frozen(kw_only=True)
    class Config:
        power: object = setting(2.0, "exponent")


@breaks("loss", "settings-matter", "does the same whatever power is set to")
class IdleSetting(GoodLoss):
    """A setting that nothing reads; another that has its effect only beside a third."""

    @attrs.frozen(kw_only=True)
    class Config:
        power: float = setting(2.0, "exponent")
        shifted: bool = setting(False, "add the shift")
        shift: float = setting(1.0, "used where shifted")

    def term(self, item):
        return super().term(item) + self.config.shifted * self.config.shift


# Building


@breaks("encoder", "builds", "call super().__init__(config, context) before anything else")
class ForgotSuper(GoodEncoder):
    """A module whose base was never built."""

    def __init__(self, config, context):
        self.latents = nn.Linear(context.input.width, context.latent.width)


@breaks("alignment", "builds", "has no attribute config")
class ForgotSuperQuietly(GoodAlignment):
    """No module, so nothing complains."""

    def __init__(self, config, context):
        self.modalities = context.modalities


@breaks("encoder", "builds", "refuses every toy context")
class Choosy(GoodEncoder):
    """Wants one width."""

    def __init__(self, config, context):
        raise api.ComponentError("wants 4096 wide features", "give it those")


@breaks("data", "builds", "give it an `example` of settings")
class WantsFolder(GoodData):
    """Refuses its own default settings."""

    def __init__(self, config, context):
        super().__init__(config, context)
        raise api.ComponentError("root is not told", "set root")


@breaks("head", "copies", "does not survive pickle")
class Unpicklable(GoodHead):
    """Holds a lambda."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.shift = lambda value: value + 1


@breaks("head", "copies", "is another after deepcopy")
class Forgetful(GoodHead):
    """Starts anew when it is copied."""

    def __deepcopy__(self, memo):
        return type(self)(self.config, api.HeadContext(api.Space((24,)), api.Space((8,)), ("a", "b", "c")))


# Extractors


@breaks("extractor", "suffixes", "suffixes is ('.WAV', 'flac')")
class LoudSuffixes(GoodExtractor):
    """No file would be found by them."""

    suffixes = (".WAV", "flac")


@breaks("extractor", "suffixes", "suffixes is '.wav'")
class OneSuffix(GoodExtractor):
    """A string, not a tuple of one."""

    suffixes = ".wav"


@breaks("extractor", "made-by", "made_by is ''")
class Anonymous(GoodExtractor):
    """Does not say what it is."""

    made_by = ""


@breaks("extractor", "made-by", "while it is built or asked what it gives")
class LooksForItsName(GoodExtractor):
    """Reads a file to know what it is called."""

    @property
    def made_by(self):
        with open(__file__) as file:
            return file.readline()


@breaks("extractor", "weights-missing", "there are no weights, without saying what to do")
class SaysNoWay(GoodExtractor):
    """Leaves one alone."""

    def prepare(self):
        raise api.DataError("there are no weights")


@breaks("extractor", "features", "gives a ndarray")
class GivesAnArray(GoodExtractor):
    """No tensor."""

    def extract(self, source):
        return super().extract(source).numpy()


@breaks("extractor", "features", "gives (3, 1) where output says (3, 2)")
class TooFewChannels(GoodExtractor):
    """Says one shape, gives another."""

    def extract(self, source):
        return super().extract(source)[:, :1]


@breaks("extractor", "features", "values that are not finite")
class LogarithmOfNothing(GoodExtractor):
    """Minus infinity."""

    def extract(self, source):
        return (0 * super().extract(source)).log()


@breaks("extractor", "features", "features with a gradient")
class StillTrained(GoodExtractor):
    """Its weights are parameters, and it does not say that they are frozen."""

    def extract(self, source):
        return super().extract(source) * nn.Parameter(torch.ones(2))


@breaks("extractor", "same-again", "for the same recording the second time")
class CountsRecordings(GoodExtractor):
    """What comes first is another than what comes later."""

    seen = 0

    def extract(self, source):
        self.seen += 1
        return super().extract(source) + self.seen


@breaks("extractor", "same-again", "the same features for two recordings")
class Deaf(GoodExtractor):
    """Features of nothing."""

    def extract(self, source):
        return torch.ones_like(super().extract(source))


@breaks("extractor", "other-device", "mixes devices")
class StaysAtHome(GoodExtractor):
    """Its weights go where they are told, recordings do not."""

    def extract(self, source):
        return super().extract(source) * torch.ones(2, device=self.device)


@breaks("extractor", "broken-recordings", "fails with EOFError for empty.wav")
class FailsAsItComes(GoodExtractor):
    """Leaves errors as they are."""

    def extract(self, source):
        with wave.open(str(source), "rb") as file:
            return torch.ones(file.getnframes(), 2)


@breaks("extractor", "broken-recordings", "refuses empty.wav without naming it")
class NamesNoFile(GoodExtractor):
    """Which of ten thousand?"""

    def extract(self, source):
        try:
            return super().extract(source)
        except api.DataError as error:
            raise api.DataError("a recording cannot be read") from error


@breaks("extractor", "broken-recordings", "makes torch.float32 (1, 2) of empty.wav")
class PutsUpWithAnything(GoodExtractor):
    """Zeros for what cannot be read."""

    def extract(self, source):
        try:
            return super().extract(source)
        except api.DataError:
            return torch.zeros(1, 2)


# Modules


@breaks("encoder", "finite", "1 clips of 1 steps")
class DividesByDeviation(GoodEncoder):
    """The deviation over one step is not defined."""

    def forward(self, features):
        return super().forward(features._replace(values=features.values / features.values.std(1, keepdim=True)))


@breaks("encoder", "inputs-unchanged", "mutated its input in place")
class ScalesInPlace(GoodEncoder):
    """Saves memory at the wrong place."""

    def forward(self, features):
        features.values.mul_(2)
        return super().forward(features)


@breaks("decoder", "repeatable", "gives another reconstruction the second time")
class AlwaysDrops(GoodDecoder):
    """Dropout that does not know the mode."""

    def forward(self, encoded, quantized):
        return F.dropout(super().forward(encoded, quantized), 0.5)


@breaks("decoder", "deterministic", "with the same seed, objective is another")
class DrawsFromPython(GoodDecoder):
    """Noise that no seed of torch reaches."""

    def forward(self, encoded, quantized):
        return super().forward(encoded, quantized) + self.training * random.random()


@breaks("head", "deterministic", "has no deterministic algorithm")
class HasNoDeterministicForm(GoodHead):
    """An operation that promises no order."""

    def forward(self, quantized):
        logits = super().forward(quantized)
        if torch.are_deterministic_algorithms_enabled():
            raise RuntimeError("scatter_fast does not have a deterministic implementation")
        return logits


@breaks("encoder", "compiles", "compiled, its objective")
class ForgetsWhenTraced(GoodEncoder):
    """Does something else while it is compiled."""

    def forward(self, features):
        return super().forward(features._replace(values=features.values * (1 + torch.compiler.is_compiling())))


@breaks("head", "clips-apart", "changes with the other clips of its batch")
class CentresTheBatch(GoodHead):
    """Statistics of the batch, in evaluation too."""

    def forward(self, quantized):
        logits = super().forward(quantized)
        return logits - logits.mean(0)


@breaks("encoder", "masked-steps", "change semantic elsewhere")
class MeanOfAllSteps(GoodEncoder):
    """Padding counts."""

    def forward(self, features):
        encoded = super().forward(features)
        return encoded._replace(semantic=encoded.semantic + encoded.semantic.mean(1, keepdim=True))


@breaks("head", "masked-steps", "change logits elsewhere")
class IgnoresMask(GoodHead):
    """Padding counts."""

    def forward(self, quantized):
        return super().forward(quantized._replace(mask=None))


@breaks("loss", "masked-steps", "change north")
class LossIgnoresMask(GoodLoss):
    """Padding counts."""

    def term(self, item):
        return super().term(item._replace(mask=None))


@breaks("encoder", "masked-steps", "change seen")
class CountsPadding(GoodEncoder):
    """Padding moves a running statistic."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, features):
        if self.training:
            self.seen.add_(features.values.detach().mean())
        return super().forward(features)


@breaks("decoder", "gradients", "no gradient reaches spare.weight")
class SpareLayer(GoodDecoder):
    """A layer that nothing uses."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.spare = nn.Linear(2, 2)


@breaks("loss", "gradients", "the gradient of scale is not finite")
class RootAtZero(GoodLoss):
    """The slope of a root is infinite at zero."""

    def forward(self, view):
        return {"root": (0 * self.scale.sum()).sqrt() + view.encoded["north"].semantic.sum()}


@breaks("encoder", "plain-buffers", "recent carries a gradient")
class KeepsTheGraph(GoodEncoder):
    """A running mean with its history."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.register_buffer("recent", torch.zeros(context.latent.width))

    def forward(self, features):
        encoded = super().forward(features)
        self.recent = 0.9 * self.recent + 0.1 * encoded.semantic.mean((0, 1))
        return encoded


@breaks("encoder", "evaluation-keeps-state", "changes seen in evaluation mode")
class CountsAlways(GoodEncoder):
    """A running statistic that does not know the mode."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, features):
        self.seen.add_(1)
        return super().forward(features)


@breaks("quantizer", "autocast", "are the same under autocast to bfloat16")
class CoarseDistances(GoodQuantizer):
    """Distances as differences of large numbers."""

    def assign(self, modality, item, encoded):
        book = self.codebooks()[modality] + 100
        latents = item.semantic + 100
        products = torch.einsum("btd,kd->btk", latents, book)
        distances = latents.square().sum(-1, keepdim=True) - 2 * products + book.square().sum(-1)
        found = super().assign(modality, item, encoded)
        return found._replace(indices=distances.argmin(-1))


@breaks("encoder", "other-device", "mixes devices when it is moved")
class ConstantsAtHome(GoodEncoder):
    """Makes a constant where torch likes it, not where the input is."""

    def forward(self, features):
        encoded = super().forward(features)
        return encoded._replace(semantic=encoded.semantic * torch.linspace(0, 1, encoded.semantic.shape[-1]))


@breaks("encoder", "float64", "gives semantic in torch.float32")
class AlwaysSingle(GoodEncoder):
    """Knows one precision."""

    def forward(self, features):
        encoded = super().forward(features)
        return encoded._replace(semantic=encoded.semantic.float())


@breaks("decoder", "float64", "is far from that in float32")
class LosesDigits(GoodDecoder):
    """A small difference of large numbers."""

    def forward(self, encoded, quantized):
        value = super().forward(encoded, quantized)
        return value + 1e8 - 1e8


@breaks("head", "saves", "gives another logits after saving and loading")
class Unregistered(GoodHead):
    """A tensor that no checkpoint knows."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.shift = torch.randn(len(context.classes))

    def forward(self, quantized):
        return super().forward(quantized) + self.shift


@breaks("head", "saves", "share memory")
class SharedTensor(GoodHead):
    """One tensor under two names."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.register_buffer("again", self.out.weight.data)


# Encoders and decoders


@breaks("encoder", "record", "semantic should be (1, 1, 8)")
class WrongShape(GoodEncoder):
    """Latents of a width of its own."""

    def forward(self, features):
        encoded = super().forward(features)
        return encoded._replace(semantic=encoded.semantic[..., :3])


@breaks("encoder", "record", "private should be None")
class UndeclaredPrivate(GoodEncoder):
    """Gives what it does not declare."""

    private = None


@breaks("encoder", "record", "not an Encoded")
class BareTensor(GoodEncoder):
    """Gives a tensor."""

    def forward(self, features):
        return self.latents(features.values)


@breaks("encoder", "record", "raise ComponentError in __init__ for features that it cannot encode")
class NeverAsks(GoodEncoder):
    """Fails when it is too late."""

    def forward(self, features):
        return super().forward(features._replace(values=features.values[..., :1]))


@breaks("encoder", "mask-passed-on", "loses the mask")
class LosesMask(GoodEncoder):
    """Forgets which steps are real."""

    def forward(self, features):
        return super().forward(features)._replace(mask=None)


@breaks("decoder", "shape", "should give a tensor (1, 1, 8)")
class TooNarrow(GoodDecoder):
    """Reconstructs a part."""

    def forward(self, encoded, quantized):
        return super().forward(encoded, quantized)[..., :2]


@breaks("decoder", "private-only", "reads encoded.semantic")
class GoesRound(GoodDecoder):
    """Reads latents that were never quantized."""

    def forward(self, encoded, quantized):
        return super().forward(encoded, quantized) + encoded.semantic.sum(-1, keepdim=True)


# Quantizers


@breaks("quantizer", "record", "full should be (1, 1, 6)")
class DeclaresAnotherWidth(GoodQuantizer):
    """Says one width, gives another."""

    codes = property(lambda self: self.latent)


@breaks("quantizer", "quantize-is-pure", "quantize mutated words in place")
class MovesInQuantize(GoodQuantizer):
    """Updates its codebook in the forward pass."""

    def quantize(self, encoded):
        with torch.no_grad():
            self.words.mul_(0.9)
        return super().quantize(encoded)


@breaks("quantizer", "codes-are-copies", "changing a code in place changes the codebook")
class GivesViews(GoodQuantizer):
    """Its codes are the codewords themselves."""

    def lookup(self, modality, indices):
        return super().lookup(modality, indices)._replace(own=self.codebooks()[modality][:1])


@breaks("quantizer", "any-subset", "fails: KeyError")
class WantsAll(GoodQuantizer):
    """Needs every modality."""

    def quantize(self, encoded):
        return {m: self.assign(m, encoded[m], encoded) for m in self.modalities}


@breaks("quantizer", "any-subset", "other codes than it has beside all modalities")
class MixesModalities(GoodQuantizer):
    """Assigns the mean of what is there."""

    def quantize(self, encoded):
        mean = sum(item.semantic for item in encoded.values()) / len(encoded)
        return super().quantize({m: item._replace(semantic=mean) for m, item in encoded.items()})


@breaks("quantizer", "indices-in-range", "indices are torch.int32")
class SmallIndices(GoodQuantizer):
    """Saves memory at the wrong place."""

    def lookup(self, modality, indices):
        return super().lookup(modality, indices.int())


@breaks("quantizer", "nearest-codeword", "are not the squared Euclidean distances")
class RootDistances(GoodQuantizer):
    """Forgets the square."""

    def assign(self, modality, item, encoded):
        codes = super().assign(modality, item, encoded)
        return codes._replace(distances=codes.distances.sqrt())


@breaks("quantizer", "nearest-codeword", "does not assign the nearest codeword")
class FarthestCodeword(GoodQuantizer):
    """Takes the worst."""

    def assign(self, modality, item, encoded):
        codes = super().assign(modality, item, encoded)
        return codes._replace(indices=codes.distances.argmax(-1))


@breaks("quantizer", "own-codeword", "own of 'north' is not codebooks()")
class OwnIsLatent(GoodQuantizer):
    """Passes the latent on."""

    def assign(self, modality, item, encoded):
        return super().assign(modality, item, encoded)._replace(own=item.semantic)


@breaks("quantizer", "lookup-is-quantize", "other codes than quantize")
class LooksUpElsewhere(GoodQuantizer):
    """Always looks in the first book."""

    def lookup(self, modality, indices):
        found = super().lookup(modality, indices)
        return found._replace(own=self.words[0][indices])

    def assign(self, modality, item, encoded):
        codes = super().assign(modality, item, encoded)
        return codes._replace(own=self.codebooks()[modality][codes.indices])


@breaks("quantizer", "straight-through", "the gradient of own does not pass straight to the latents")
class NoGradient(GoodQuantizer):
    """Cuts the encoders off."""

    def assign(self, modality, item, encoded):
        codes = super().assign(modality, item, encoded)
        return codes._replace(own=codes.own.detach(), full=codes.full.detach())


@breaks("quantizer", "update-moves", "leave an error of")
class NeverMoves(GoodQuantizer):
    """Only counts."""

    def update(self, targets, assigned, ranks):
        return None


@breaks("quantizer", "update-moves", "not finite after")
class DividesByNothing(GoodQuantizer):
    """Dead codewords become infinite."""

    def update(self, targets, assigned, ranks):
        self.words.div_(0)


@breaks("quantizer", "masked-updates", "targets at masked steps change words")
class PaddingAttracts(GoodQuantizer):
    """Counts what is not there."""

    def update(self, targets, assigned, ranks):
        super().update(targets, {m: codes._replace(mask=None) for m, codes in assigned.items()}, ranks)


@breaks("quantizer", "two-ranks", "is not that of a single rank")
class KnowsNoRanks(GoodQuantizer):
    """Each rank goes its own way."""

    def update(self, targets, assigned, ranks):
        from codaar_core.testing.ranks import Alone

        super().update(targets, assigned, Alone())


@breaks("quantizer", "replace-is-kept", "is not what replace was given")
class KeepsItsOwn(GoodQuantizer):
    """Takes over half of it."""

    def replace(self, codebooks):
        super().replace({m: (codebooks[m] + book) / 2 for m, book in self.codebooks().items()})


# Alignment steps


@breaks("alignment", "modalities", "refuses 3 modalities without saying what to do")
class Curt(GoodAlignment):
    """Says no, and no more."""

    def __init__(self, config, context):
        super().__init__(config, context)
        if len(context.modalities) > 2:
            raise api.ComponentError("no", "")


@breaks("alignment", "pure", "adjust mutated the codebook of 'north' in place")
class AdjustsInPlace(GoodAlignment):
    """Writes into the codebooks."""

    def adjust(self, codebooks):
        mean = sum(codebooks.values()) / len(codebooks)
        return {m: each.add_(mean).div_(2) for m, each in codebooks.items()}


@breaks("alignment", "keys-and-shapes", "should give tensors for ['north', 'east']")
class ForgetsModality(GoodAlignment):
    """Leaves one out."""

    def mix(self, features):
        return dict(list(super().mix(features).items())[1:])


@breaks("alignment", "keys-and-shapes", "should keep the shape (12, 4)")
class TransposesRows(GoodAlignment):
    """Another shape."""

    def mix(self, features):
        return {m: each.T for m, each in super().mix(features).items()}


@breaks("alignment", "matrix", "is not what matrix(2 modalities) says")
class AnotherMatrix(GoodAlignment):
    """Says what it does not do."""

    def matrix(self, modalities):
        return torch.full((len(modalities),) * 2, 1 / len(modalities))


@breaks("alignment", "row-stochastic", "has rows that add up to")
class Grows(GoodAlignment):
    """Makes all a little larger."""

    def mix(self, features):
        return {m: 1.1 * each for m, each in super().mix(features).items()}

    adjust = mix

    def matrix(self, modalities):
        return 1.1 * super().matrix(modalities)


@breaks("alignment", "convex-hull", "leaves the convex hull")
class Overshoots(GoodAlignment):
    """Moves beyond the mean, and says it averages."""

    def mix(self, features):
        mean = sum(features.values()) / len(features)
        return {m: 3 * each - 2 * mean for m, each in features.items()}


@breaks("alignment", "fixed-point", "moves rows that are equal in all modalities")
class NeverRests(GoodAlignment):
    """Shrinks towards zero."""

    def mix(self, features):
        return {m: 0.9 * each for m, each in features.items()}


@breaks("alignment", "row-order", "gives other rows when their order changes")
class CountsRows(GoodAlignment):
    """Treats the first row otherwise."""

    def adjust(self, codebooks):
        return {m: each * torch.arange(len(each))[:, None] for m, each in codebooks.items()}


@breaks("alignment", "row-by-row", "gives other rows for a half of them")
class LooksAtAllRows(GoodAlignment):
    """Centres over rows."""

    def mix(self, features):
        return {m: each - each.mean(0) for m, each in features.items()}


@breaks("alignment", "keeps-precision", "turns torch.float32 into torch.float64")
class Widens(GoodAlignment):
    """Leaves float64 behind."""

    def mix(self, features):
        return {m: each.double() for m, each in super().mix(features).items()}


@breaks("alignment", "repeatable", "gives something else the second time")
class Rolls(GoodAlignment):
    """Draws its shares."""

    def mix(self, features):
        share = torch.rand(())
        mean = sum(features.values()) / len(features)
        return {m: share * each + (1 - share) * mean for m, each in features.items()}


# Losses


@breaks("loss", "terms", "should give scalar tensors by name, it gives a Tensor")
class BareScalar(GoodLoss):
    """One number without a name."""

    def forward(self, view):
        return super().forward(view)["north"]


@breaks("loss", "terms", "should give scalar tensors by name, it gives {'north'")
class TermPerClip(GoodLoss):
    """Forgets to average."""

    def term(self, item):
        return item.semantic.square().mean((1, 2)) * self.scale.sum()


@breaks("loss", "reaches-something", "its gradient reaches nothing")
class TrainsNothing(GoodLoss):
    """Everything is detached."""

    def forward(self, view):
        return {name: term.detach() for name, term in super().forward(view).items()}


@breaks("loss", "repeatable", "a loss gives generator=view.generator to its draws")
class DrawsAlone(GoodLoss):
    """Uses the global generator."""

    def term(self, item):
        return super().term(item) * torch.rand(())


@breaks("loss", "modalities", "is not finite for 1 modalities")
class DividesByOthers(GoodLoss):
    """Averages over the others, of which there may be none."""

    def forward(self, view):
        return {name: term / torch.tensor(len(view.encoded) - 1) for name, term in super().forward(view).items()}


@breaks("loss", "two-ranks", "with the clips on two ranks, north is")
class SumsClips(GoodLoss):
    """The more clips a rank has, the more they weigh."""

    def forward(self, view):
        return {name: term * len(view.inputs[name].values) for name, term in super().forward(view).items()}


@breaks("loss", "gradients", "no gradient reaches extra")
class ForgottenParameter(GoodOwnLoss):
    """A parameter that neither its optimizer nor its terms know."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.extra = nn.Parameter(torch.zeros(1))


@breaks("loss", "own-optimizer", "has an optimizer but no inner_step")
class NoInnerStep(GoodOwnLoss):
    """Never uses its optimizer."""

    inner_step = api.Loss.inner_step


@breaks("loss", "inner-step-detached", "sends gradients into the model")
class TrainsTheModel(GoodOwnLoss):
    """Forgets to detach."""

    def inner_step(self, view):
        sum(self.guess(item.semantic, None) for item in view.encoded.values()).backward()


@breaks("loss", "inner-step-on-ranks", "with the clips on two ranks, inner_step makes another recent")
class RemembersItsOwn(GoodLoss):
    """A queue of this rank's clips."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.register_buffer("recent", torch.zeros(context.latent.width))

    def inner_step(self, view):
        self.recent.copy_(view.encoded["north"].mean().detach().mean(0))


# Heads


@breaks("head", "sees-codes-only", "it should take (self, quantized)")
class SeesFeatures(GoodHead):
    """Wants the features beside the codes."""

    def forward(self, quantized, features=None):
        return super().forward(quantized)


@breaks("head", "predictions", "for 4 clips")
class OnePrediction(GoodHead):
    """One answer for all."""

    def predict(self, logits):
        return logits.mean(0).argmax(-1, keepdim=True)


@breaks("head", "predictions", "but its loss takes targets")
class PredictsLogits(GoodHead):
    """Forgets to decide."""

    def predict(self, logits):
        return logits


@breaks("head", "scalar-loss", "gives no scalar for any kind of target")
class LossPerClip(GoodHead):
    """Forgets to average."""

    def loss(self, logits, target):
        return F.cross_entropy(logits, target, reduction="none")


@breaks("head", "learns", "check the sign of the loss")
class LearnsBackwards(GoodHead):
    """The sign is wrong."""

    def loss(self, logits, target):
        return 10 - F.cross_entropy(logits, target).clamp(max=5)


@breaks("head", "learns", "in 30 steps")
class LearnsNothing(GoodHead):
    """Does not look."""

    def forward(self, quantized):
        return 0 * super().forward(quantized)


# Data


@breaks("data", "card", "card lacks licence")
class NoLicence(GoodData):
    """Nobody knows who may use it."""

    card = api.Card("toys", "", "made here")


@breaks("data", "spaces", "while it is built or asked what it gives")
class OpensEarly(GoodData):
    """Reads a file while it is built."""

    def __init__(self, config, context):
        super().__init__(config, context)
        with open(__file__) as file:
            file.read(1)


@breaks("data", "synthetic-shapes", "'south' should be floats (6, 3, 2, 2, 3)")
class FlatMaps(GoodData):
    """Other shapes than it declares."""

    def synthetic(self, clips, seed):
        split = super().synthetic(clips, seed)
        return GoodSplit({m: values.flatten(2) for m, values in split.values.items()}, split.labels)


@breaks("data", "synthetic-shapes", "looks for files")
class NeedsFiles(GoodData):
    """No dry run without data."""

    def synthetic(self, clips, seed):
        raise api.DataError("no files here", "get them")


@breaks("data", "synthetic-seeded", "gives other clips for the same seed")
class Unseeded(GoodData):
    """Draws from the clock."""

    def synthetic(self, clips, seed):
        return super().synthetic(clips, torch.seed() % 1000)


@breaks("data", "synthetic-seeded", "gives the same clips for another seed")
class DeafToSeeds(GoodData):
    """Always the same."""

    def synthetic(self, clips, seed):
        return super().synthetic(clips, 0)


class SortedSplit(GoodSplit):
    def __getitem__(self, indices):
        return super().__getitem__(sorted(indices))


@breaks("data", "order-of-indices", "does not give the inputs of north of clips 2, 0 and 2")
class SortsIndices(GoodData):
    """Reads in the order of the file."""

    def synthetic(self, clips, seed):
        split = super().synthetic(clips, seed)
        return SortedSplit(split.values, split.labels)


@breaks("data", "picklable", "a split cannot be pickled")
class OpenSplit(GoodData):
    """Its split holds what cannot be sent."""

    def synthetic(self, clips, seed):
        split = super().synthetic(clips, seed)
        split.file = open(__file__)  # noqa: SIM115
        return split


@breaks("data", "pretrain-split", "without saying what to do")
class MissingFiles(GoodData):
    """Does not say where to get them."""

    def split(self, name):
        raise api.DataError("not here", "")


@breaks("data", "unknown-split", "accepts any name")
class AnySplit(GoodData):
    """Gives something for every name."""

    def split(self, name):
        return self.synthetic(5, 0)


# Benchmarks


@breaks("benchmark", "transfers", "the modalities are north, south")
class UnknownModality(GoodBenchmark):
    """Names what is not there."""

    def transfers(self):
        return [api.Transfer("north", "west")]


@breaks("benchmark", "names", "names no head")
class Headless(GoodBenchmark):
    """No head to train."""

    head = None


@breaks("benchmark", "names", "no 'train->test/metric'")
class PublishedElsewhere(GoodBenchmark):
    """A number of no metric."""

    published = {"north->south/f1": 0.5}


@breaks("benchmark", "names", "which is no tuple of modalities")
class NeedsLetters(GoodBenchmark):
    """Forgets a comma."""

    needs = "north"


class Unlabelled(GoodSplit):
    def __getitem__(self, indices):
        return super().__getitem__(indices)._replace(targets={})


@breaks("benchmark", "labelled", "lacks inputs or targets of 'north'")
class NoTargets(GoodBenchmark):
    """Clips without labels."""

    def split(self, role, modality):
        split = super().split(role, modality)
        return Unlabelled(split.values, split.labels)


@breaks("benchmark", "guesses", "does not follow from its generator")
class GuessesAlone(GoodBenchmark):
    """Another chance level every time."""

    def guess(self, target, generator):
        return torch.randint(3, target.shape)


@breaks("benchmark", "guesses", "gives 1 entries for 30 clips")
class OneGuess(GoodBenchmark):
    """One for all."""

    def guess(self, target, generator):
        return super().guess(target, generator)[:1]


@breaks("benchmark", "numbers", "as {'accuracy': nan}")
class NothingRight(GoodBenchmark):
    """Not a number where nothing is predicted."""

    @property
    def metrics(self):
        return {"accuracy": lambda prediction, target: torch.nan}


@breaks("benchmark", "constants-given", "that differ between clips")
class CheatingConstant(GoodBenchmark):
    """Looks at the truth."""

    def constants(self, target):
        yield target


@breaks("benchmark", "perfect-is-best", "for the truth, but")
class LowerIsBetter(GoodBenchmark):
    """An error instead of a score."""

    @property
    def metrics(self):
        return {"accuracy": lambda prediction, target: (prediction != target).double().mean()}


@breaks("benchmark", "perfect-is-best", "accuracy is as high for guesses as for the truth")
class SameForAll(GoodBenchmark):
    """Measures nothing."""

    @property
    def metrics(self):
        return {"accuracy": lambda prediction, target: 1.0}


# Hooks


@breaks("hook", "hooks-known", "did you mean 'codaar_step_end'?")
class Misspelt(GoodHook):
    """Waits for a call that never comes."""

    @api.hook
    def codaar_step_endd(self):
        return None


@breaks("hook", "hooks-known", "takes colour, which this hook does not have")
class WantsTooMuch(GoodHook):
    """Takes what is not given."""

    @api.hook
    def codaar_run_start(self, colour):
        return None


@breaks("hook", "hooks-known", "write @hook above each function")
class Unmarked(api.RunHooks):
    """Forgets the mark."""

    def codaar_run_start(self):
        return None


# Whole runs


@breaks("alignment", "trains", "in the toy recipe the reconstruction error goes from")
class FlingsCodewords(GoodAlignment):
    """Codewords run away."""

    def adjust(self, codebooks):
        return {m: 1.5 * book for m, book in codebooks.items()}


@breaks("alignment", "trains", "in the toy recipe the gradient is not finite")
class ExplodesCodewords(GoodAlignment):
    """Codewords run away so fast that the run ends."""

    def adjust(self, codebooks):
        return {m: 4 * book for m, book in codebooks.items()}


@breaks("head", "evaluates", "in the toy recipe no number comes out for agreement of north->east")
class Undecided(GoodHead):
    """Says nothing that can be compared, once it is trained."""

    def predict(self, logits):
        return torch.full((len(logits),), torch.nan)


@breaks("benchmark", "evaluates", "in the toy recipe no number comes out for accuracy of")
class CountsWhatIsThere(GoodBenchmark):
    """Right among the clips that were said to be of the rarest class, of which there may be none."""

    @property
    def metrics(self):
        return {"accuracy": lambda prediction, target: (prediction == target).double()[prediction < 0].mean()}


@breaks("encoder", "resumes", "after a resume")
class RemembersInPython(GoodEncoder):
    """What it has seen is in no buffer."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.calls = 0

    def forward(self, features):
        self.calls += 1
        encoded = super().forward(features)
        return encoded._replace(semantic=encoded.semantic * (1 + self.calls))
