"""One small component of each kind that keeps all rules."""

from __future__ import annotations

import math
import wave
from hashlib import sha256

import attrs
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from codaar_core import api
from codaar_core.api import setting
from codaar_core.testing.environment.ranks import SingleProcess

CLASSES = ("a", "b", "c")


class GoodExtractor(api.Extractor):
    """Loudness of halves of seconds."""

    suffixes = (".wav",)
    output = api.Space((2,))
    made_by = "loudness"

    def extract(self, source):
        try:
            with wave.open(str(source), "rb") as file:
                seconds, values = file.getframerate() * file.getnchannels(), file.readframes(file.getnframes())
        except (OSError, EOFError, wave.Error) as error:
            raise api.DataError(f"{source} cannot be read: {error}") from error
        samples = torch.from_numpy(np.frombuffer(values, np.int16).astype(np.float32))
        return samples.reshape(-1, 2, seconds // 2).square().mean(-1)


class GoodSentenceExtractor(api.Extractor):
    """A number for each word."""

    output = api.Space((1,))
    made_by = "sha256"

    def extract(self, source):
        return torch.tensor([[float(sha256(word.encode()).digest()[0])] for word in source.split()])


class GoodEncoder(api.Encoder):
    """Two linear maps."""

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings."""

        width: int = setting(4, "width of the private features", attrs.validators.ge(1))

    def __init__(self, config, context):
        super().__init__(config, context)
        if len(context.input.shape) != 1:
            raise api.ComponentError("this encoder needs vectors", "give it vectors")
        self.latents = nn.Linear(context.input.width, context.latent.width)
        self.details = nn.Linear(context.input.width, config.width)

    @property
    def private(self):
        return api.Space((self.config.width,))

    def forward(self, features):
        return api.Encoded(self.latents(features.values), self.details(features.values), features.mask)


class GoodCentredEncoder(GoodEncoder):
    """Two linear maps; in training the mean latent of the batch, over all ranks, is subtracted."""

    ranks = SingleProcess()

    def join(self, ranks):
        self.ranks = ranks

    def forward(self, features):
        encoded = super().forward(features)
        if not self.training:
            return encoded
        summed = encoded.semantic.masked_fill(~encoded.real()[..., None], 0).sum((0, 1))
        return encoded._replace(
            semantic=encoded.semantic - self.ranks.sum(summed) / self.ranks.sum(encoded.real().sum())
        )


class GoodDecoder(api.Decoder):
    """One linear map."""

    def __init__(self, config, context):
        super().__init__(config, context)
        if context.private is None or len(context.output.shape) != 1:
            raise api.ComponentError("this decoder needs vectors", "give it vectors")
        self.out = nn.Linear(context.code_space.width + context.private.width, context.output.width)

    def forward(self, encoded, quantized):
        return self.out(torch.cat([quantized.full, encoded.private], dim=-1))


class GoodQuantizer(api.Quantizer):
    """Codebooks that follow their latents."""

    K, D = 8, 6

    def __init__(self, config, context):
        super().__init__(config, context)
        self.modalities = context.modalities
        self.register_buffer("words", torch.randn(len(self.modalities), self.K, self.D))

    latent = property(lambda self: api.Space((self.D,)))
    code_space = property(lambda self: api.Space((len(self.modalities) * self.D,)))
    size = property(lambda self: self.K)

    def codebooks(self):
        return dict(zip(self.modalities, self.words, strict=True))

    def lookup(self, modality, indices):
        rows = self.words[:, indices].movedim(0, -2)
        return api.Quantized(indices, self.codebooks()[modality][indices], rows.flatten(-2))

    def quantize(self, encoded):
        return {m: self.assign(m, item, encoded) for m, item in encoded.items()}

    def assign(self, modality, item, encoded):
        distances = (item.semantic[:, :, None] - self.codebooks()[modality]).square().sum(-1)
        found = self.lookup(modality, distances.argmin(-1))
        path = item.semantic - item.semantic.detach()
        full = found.full + torch.cat([path] * len(self.modalities), dim=-1)
        return found._replace(own=found.own + path, full=full, distances=distances, mask=item.mask)

    def update(self, targets, assigned, ranks):
        for modality, target in targets.items():
            codes, book = assigned[modality], self.codebooks()[modality]
            indices = codes.indices.flatten()
            real = torch.ones_like(indices, dtype=torch.bool) if codes.mask is None else codes.mask.flatten()
            sums = torch.zeros_like(book).index_add_(0, indices[real], target.flatten(0, 1)[real])
            counts = torch.zeros(len(book)).to(book.dtype).index_add_(0, indices[real], real[real].to(book.dtype))
            sums, counts = ranks.sum(sums), ranks.sum(counts)[:, None]
            book.copy_(torch.where(counts > 0, 0.5 * book + 0.5 * sums / counts.clamp_min(1), book))

    def replace(self, codebooks):
        self.words.copy_(torch.stack([codebooks[m] for m in self.modalities]))


class GoodTrainedQuantizer(GoodQuantizer):
    """Codebooks that are trained by gradient."""

    update = api.Quantizer.update

    def __init__(self, config, context):
        super().__init__(config, context)
        words = self._buffers.pop("words")
        self.words = nn.Parameter(words)


class GoodFiniteScalarQuantizer(api.Quantizer):
    """Finite scalar quantization (arXiv 2309.15505): each dimension of a latent is bounded and rounded to few levels.

    The codebook is implicit: all combinations of the levels. Codes are not found by distance.
    """

    LEVELS = (5, 3, 3)
    gives_distances = False

    def __init__(self, config, context):
        super().__init__(config, context)
        self.modalities = context.modalities

    latent = code_space = property(lambda self: api.Space((len(self.LEVELS),)))
    size = property(lambda self: math.prod(self.LEVELS))

    def codebooks(self):
        return dict.fromkeys(self.modalities, self.codewords(torch.arange(self.size)))

    def lookup(self, modality, indices):
        own = self.codewords(indices)
        return api.Quantized(indices, own, own.clone())

    def codewords(self, indices):
        """Levels (..., D) from -1 to 1 of indices (...): the first dimension's digit comes first."""
        digits = [indices // math.prod(self.LEVELS[place + 1 :]) % of for place, of in enumerate(self.LEVELS)]
        levels = [digit.float() * 2 / (of - 1) - 1 for digit, of in zip(digits, self.LEVELS, strict=True)]
        return torch.stack(levels, dim=-1)

    def quantize(self, encoded):
        return {m: self.rounded(m, item) for m, item in encoded.items()}

    def rounded(self, modality, item):
        bounded = item.semantic.tanh()
        steps = bounded.new_tensor(self.LEVELS) - 1
        digits = ((bounded.detach() + 1) / 2 * steps).round().long()
        indices = torch.zeros_like(digits[..., 0])
        for place, of in enumerate(self.LEVELS):
            indices = indices * of + digits[..., place]
        own = self.lookup(modality, indices).own.to(bounded.dtype) + bounded - bounded.detach()
        return api.Quantized(indices, own, own.clone(), mask=item.mask)


class GoodAlignment(api.AlignmentStep):
    """Half of the mean of all."""

    def mix(self, features):
        mean = sum(features.values()) / len(features)
        return {m: (each + mean) / 2 for m, each in features.items()}

    adjust = mix

    def matrix(self, modalities):
        number = len(modalities)
        return torch.eye(number, dtype=torch.float64) / 2 + 1 / (2 * number)


class GoodLoss(api.Loss):
    """Latents should be small."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.scale = nn.Parameter(torch.ones(context.latent.width))

    def forward(self, view):
        return {m: self.term(item, view.ranks) for m, item in view.encoded.items()}

    def term(self, item, ranks):
        return mean_of_real((item.semantic * self.scale).square().mean(-1), item, ranks)


def mean_of_real(values, encoded, ranks):
    """The mean of (B, T) over real steps; its mean over ranks is that of one process with all clips."""
    real = encoded.real()
    return values.masked_fill(~real, 0).sum() / ranks.sum(real.sum()) * ranks.size


class GoodOwnLoss(api.Loss):
    """Latents should not tell what an estimator of its own finds in them."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.estimator = nn.Linear(context.latent.width, 1)
        self.optimizer = torch.optim.SGD(self.estimator.parameters(), lr=0.1)

    def forward(self, view):
        return {m: self.guess(item.semantic, item, view.ranks) for m, item in view.encoded.items()}

    def guess(self, latents, item, ranks):
        return mean_of_real(self.estimator(latents)[..., 0].square(), item, ranks)

    def inner_step(self, view):
        self.optimizer.zero_grad()
        sum(self.guess(item.semantic.detach(), item, view.ranks) for item in view.encoded.values()).backward()
        self.optimizer.step()


class GoodRecordingLoss(GoodLoss):
    """Keeps the latest clips of all ranks."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.register_buffer("recent", torch.zeros(2, context.latent.width))

    def inner_step(self, view):
        self.recent.copy_(view.ranks.gather(view.encoded["north"].mean().detach())[-2:])


class GoodSharingLoss(api.SharingLoss):
    """Clips should differ from each other: two halves, with an exchange between them."""

    name = "alike"  # as when it was a local file

    def __init__(self, config, context):
        super().__init__(config, context)
        self.scale = nn.Parameter(torch.ones(context.latent.width))

    def prepare(self, view):
        item = view.encoded["north"]
        return api.Shared(clips=(item.mean() * self.scale, item.real().any(dim=1)))

    def complete(self, view, shared):
        means, real = shared.clips
        pairs = real[:, None] & real
        return {"alike": (means @ means.mT).masked_fill(~pairs, 0).sum() / pairs.sum().clamp_min(1)}


class GoodHead(api.TaskHead):
    """Linear, of the mean code."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.out = nn.Linear(context.code_space.width, len(context.classes))

    def forward(self, quantized):
        return self.out(self.pooled(quantized))

    def pooled(self, quantized):
        if quantized.mask is None:
            return quantized.full.mean(1)
        real = quantized.mask[..., None]
        return quantized.full.masked_fill(~real, 0).sum(1) / real.sum(1)

    def loss(self, logits, target):
        return F.cross_entropy(logits, target)

    def predict(self, logits):
        return logits.argmax(-1)


class GoodGivenHead(GoodHead):
    """Yes or no for each of six things that are given: the mean code decides, they say how clearly."""

    example_given = api.Space((6, 3))

    def __init__(self, config, context):
        super().__init__(config, context)
        self.out = nn.Linear(context.code_space.width, 1)

    def forward(self, quantized, given):
        return self.out(self.pooled(quantized)) * given.abs().mean(-1)

    def loss(self, logits, target):
        return F.binary_cross_entropy_with_logits(logits, target)

    def predict(self, logits):
        return (logits > 0).to(logits.dtype)


class GoodSplit(api.Split):
    def __init__(self, values, labels):
        self.values, self.labels = values, labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, indices):
        rows = list(indices)
        inputs = {m: api.Features(values[rows]) for m, values in self.values.items()}
        return api.Batch(inputs, {m: self.labels[rows] for m in self.values})


class GoodData(api.DataSource):
    """Random clips."""

    card = api.Card("toys", "CC0-1.0", "made here")
    spaces = {"north": api.Space((4,), 3), "south": api.Space((2, 2, 3), 3)}

    def split(self, name):
        if name not in ("pretrain", "train", "test"):
            raise api.DataError(f"there is no split {name!r}", "take pretrain, train or test")
        return self.synthetic(30, seed=len(name))

    def synthetic(self, clips, seed):
        generator = torch.Generator().manual_seed(seed)
        values = {
            m: torch.randn(clips, space.length, *space.shape, generator=generator) for m, space in self.spaces.items()
        }
        return GoodSplit(values, torch.randint(3, (clips,), generator=generator))


class GoodBenchmark(api.Benchmark):
    """Which class is it?"""

    head = "clip-classifier"
    published = {"north->south/accuracy": 0.5}
    classes = CLASSES

    def __init__(self, config, context):
        super().__init__(config, context)
        self.data = context.data

    @property
    def metrics(self):
        return {"accuracy": accuracy}

    def split(self, role, modality):
        return self.data.split(role)

    def constants(self, target):
        return (torch.full_like(target, label) for label in range(3))

    def guess(self, target, generator):
        return torch.randint(3, target.shape, generator=generator)


def accuracy(prediction, target):
    return (prediction == target).double().mean()


class GoodNamingBenchmark(GoodBenchmark):
    """Which class is it, for models of two modalities that it speaks of by name?"""

    needs = ("sight", "touch")

    def transfers(self):
        return [api.Transfer("sight", "touch")]


class GoodErrorBenchmark(GoodBenchmark):
    """How far is the number of the class from the true one?"""

    published = {"north->south/distance": 0.5}

    @property
    def metrics(self):
        return {"distance": api.Measure(distance, unit="classes", higher_is_better=False), "accuracy": accuracy}


def distance(prediction, target):
    return (prediction - target).abs().double().mean()


class GoodHook(api.RunHooks):
    """Counts epochs."""

    @api.hook
    def codaar_epoch_end(self, epoch):
        self.epochs = epoch + 1


GOOD = {
    "extractor": GoodExtractor,
    "encoder": GoodEncoder,
    "decoder": GoodDecoder,
    "quantizer": GoodQuantizer,
    "alignment": GoodAlignment,
    "loss": GoodLoss,
    "head": GoodHead,
    "data": GoodData,
    "benchmark": GoodBenchmark,
    "hook": GoodHook,
}
VARIANTS = [
    ("encoder", GoodCentredEncoder),
    ("extractor", GoodSentenceExtractor),
    ("quantizer", GoodTrainedQuantizer),
    ("quantizer", GoodFiniteScalarQuantizer),
    ("loss", GoodOwnLoss),
    ("loss", GoodRecordingLoss),
    ("loss", GoodSharingLoss),
    ("head", GoodGivenHead),
    ("benchmark", GoodNamingBenchmark),
    ("benchmark", GoodErrorBenchmark),
]
