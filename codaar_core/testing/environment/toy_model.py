"""Toy model: the smallest components that train together; a component under test takes the place of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import cast

import attrs
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codaar_core.api import (
    Batch,
    Benchmark,
    BenchmarkContext,
    Card,
    DataContext,
    DataSource,
    Decoder,
    DecoderContext,
    Encoded,
    Encoder,
    EncoderContext,
    Features,
    Loss,
    LossContext,
    Metric,
    Quantized,
    Quantizer,
    QuantizerContext,
    Ranks,
    Space,
    StepView,
    setting,
)
from codaar_core.testing.environment.toys import (
    CLASSES,
    CODEWORDS,
    LATENT,
    MODALITIES,
    STEPS,
    ToySplit,
    full_scale,
    target_forms,
)

CLIPS = 40


class ToyFeatures(DataSource):
    """Normal features that a label shifts, of one shape in all modalities."""

    card = Card("toy features", "CC0-1.0", "made while it runs")

    @attrs.frozen(kw_only=True)
    class Config:
        """What the features are like."""

        shape: tuple[int, ...] = setting((8,), "shape of a step")
        length: int | None = setting(None, "number of steps, where it is fixed")

    def __init__(self, config: Config, context: DataContext) -> None:
        super().__init__(config, context)
        self.modalities = context.modalities or MODALITIES

    @property
    def spaces(self) -> Mapping[str, Space]:
        """The same for all."""
        return dict.fromkeys(self.modalities, Space(self.config.shape, self.config.length))

    def split(self, name: str) -> ToySplit:
        """Any split."""
        return self.synthetic(CLIPS, seed=len(name))

    def synthetic(self, clips: int, seed: int) -> ToySplit:
        """As any split."""
        return ToySplit(self.spaces, clips, seed, self.config.length or STEPS)


class ToyEncoder(Encoder):
    """A linear map of each step to latents, and another to private features."""

    @attrs.frozen(kw_only=True)
    class Config:
        """What else it gives."""

        private: tuple[int, ...] = setting((), "shape of the private features; empty: none")

    def __init__(self, config: Config, context: EncoderContext) -> None:
        super().__init__(config, context)
        width = prod(context.input.shape)
        self.latents = nn.Linear(width, context.latent.width)
        self.privates = nn.Linear(width, prod(config.private)) if config.private else None

    @property
    def private(self) -> Space | None:
        """As the settings say."""
        return Space(self.config.private) if self.config.private else None

    def forward(self, features: Features) -> Encoded:
        """Encode."""
        steps = features.values.flatten(2)
        private = None if self.privates is None else self.privates(steps).unflatten(-1, self.config.private)
        return Encoded(self.latents(steps), private, features.mask)


class ToyDecoder(Decoder):
    """A linear map of codes and private features."""

    def __init__(self, config: ToyDecoder.Config, context: DecoderContext) -> None:
        super().__init__(config, context)
        self.output = context.output.shape
        private = prod(context.private.shape) if context.private else 0
        self.steps = nn.Linear(context.code_space.width + private, prod(self.output))

    def forward(self, encoded: Encoded, quantized: Quantized) -> Tensor:
        """Decode."""
        read = [quantized.full] if encoded.private is None else [quantized.full, encoded.private.flatten(2)]
        return self.steps(torch.cat(read, dim=-1)).unflatten(-1, self.output)


class ToyQuantizer(Quantizer):
    """Codebooks, one for each modality, that move halfway to the means of what they are assigned."""

    books: Tensor  # (M, K, D)

    @attrs.frozen(kw_only=True)
    class Config:
        """How codebooks move."""

        learned: bool = setting(False, "codewords are parameters, moved by a loss instead")

    def __init__(self, config: Config, context: QuantizerContext) -> None:
        super().__init__(config, context)
        self.modalities = context.modalities
        books = torch.randn(len(context.modalities), CODEWORDS, LATENT.width)
        if config.learned:
            self.books = nn.Parameter(books)
        else:
            self.register_buffer("books", books)

    size = CODEWORDS
    latent = LATENT

    @property
    def code_space(self) -> Space:
        """The codewords of all modalities in a row."""
        return Space((len(self.modalities) * LATENT.width,))

    def quantize(self, encoded: Mapping[str, Encoded]) -> dict[str, Quantized]:
        """Assign."""
        return {m: self._assign(m, item) for m, item in encoded.items()}

    def _assign(self, modality: str, encoded: Encoded) -> Quantized:
        latents, book = encoded.semantic, self.codebooks()[modality]
        distances = (latents.unsqueeze(-2) - book).square().sum(-1)
        codes = self.lookup(modality, distances.argmin(-1))
        path = latents - latents.detach()
        row_path = path.repeat(1, 1, len(self.modalities))
        given = distances if self.wants_distances else None
        return codes._replace(own=codes.own + path, full=codes.full + row_path, distances=given, mask=encoded.mask)

    def lookup(self, modality: str, indices: Tensor) -> Quantized:
        """Look up."""
        return Quantized(
            indices, self.codebooks()[modality][indices], self.books[:, indices].movedim(0, -2).flatten(-2)
        )

    def codebooks(self) -> dict[str, Tensor]:
        """By modality."""
        return dict(zip(self.modalities, self.books.unbind(), strict=True))

    def update(self, targets: Mapping[str, Tensor], assigned: Mapping[str, Quantized], ranks: Ranks) -> None:
        """Move."""
        if self.config.learned:
            return
        for number, modality in enumerate(self.modalities):
            indices, rows = assigned[modality].indices.flatten(), targets[modality].flatten(0, 1)
            counts = ranks.sum(rows.new_zeros(CODEWORDS).index_add_(0, indices, torch.ones_like(rows[:, 0])))
            sums = ranks.sum(torch.zeros_like(self.books[number]).index_add_(0, indices, rows))
            means = sums / counts.clamp_min(1).unsqueeze(1)
            self.books[number].lerp_(torch.where(counts.unsqueeze(1) > 0, means, self.books[number]), 0.5)

    def replace(self, codebooks: Mapping[str, Tensor]) -> None:
        """Take over."""
        self.books.copy_(torch.stack([codebooks[m] for m in self.modalities]))


class ToyTask(Benchmark):
    """Which class is each clip of? Targets come in the form that the head under test takes."""

    head = "local:under-test"
    classes = CLASSES

    @attrs.frozen(kw_only=True)
    class Config:
        """What the head under test takes."""

        form: str = setting("label", "form of the targets, a key of toys.target_forms")
        predicted: tuple[int, ...] = setting((), "shape of the prediction of a clip")
        levels: bool = setting(False, "whether predictions are whole numbers up to 255")
        given: tuple[int, ...] = setting((), "shape of the further tensor given to heads; empty: none")

    def __init__(self, config: Config, context: BenchmarkContext) -> None:
        super().__init__(config, context)
        self.spaces = {modality: context.data.spaces[modality] for modality in context.modalities}

    @property
    def given(self) -> Space | None:
        """As the settings say."""
        return Space(self.config.given) if self.config.given else None

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """How often the prediction is right."""
        return {"agreement": agreement}

    def split(self, role: str, modality: str) -> ToyTaskSplit:
        """Any split, a dozen clips."""
        return ToyTaskSplit(self.spaces, 12, len(role), self.config)

    def constants(self, target: Tensor) -> Iterator[Tensor]:
        """What the first clip is."""
        yield target[:1].expand_as(target)

    def guess(self, target: Tensor, generator: torch.Generator) -> Tensor:
        """What some clip is."""
        return target[torch.randint(len(target), (len(target),), generator=generator)]


class ToyTaskSplit(ToySplit):
    """Toy clips with targets in another form."""

    def __init__(self, spaces: Mapping[str, Space], clips: int, seed: int, form: ToyTask.Config) -> None:
        super().__init__(spaces, clips, seed)
        self.form = form

    def __getitem__(self, indices: Sequence[int]) -> Batch:
        """Read clips."""
        inputs, targets = super().__getitem__(indices)
        return Batch(inputs, {m: self._formed(label) for m, label in targets.items()})

    def _formed(self, label: Tensor) -> Tensor:
        predicted = torch.zeros(len(label), *self.form.predicted, dtype=torch.uint8 if self.form.levels else None)
        return target_forms(label, torch.Size((len(label), STEPS)), predicted)[self.form.form]

    def given(self, indices: Sequence[int]) -> Tensor | None:
        """Normal numbers."""
        return torch.randn(len(indices), *self.form.given) if self.form.given else None


def agreement(prediction: Tensor, target: Tensor) -> Tensor:
    """Share of the entries that are right; of embeddings, share of the clips whose nearest is of the same class."""
    if prediction.shape != target.shape:
        nearest = torch.cdist(prediction, prediction).fill_diagonal_(torch.inf).argmin(1)
        prediction = target[nearest]
    missed = (prediction.double() - target.double()).abs() / full_scale(target.dtype)
    return (missed < 0.5).double().where(missed.isfinite(), torch.nan).mean()


class ToyReconstruction(Loss):
    """Mean squared error of the reconstructions, and distance of latents and codewords from each other."""

    def __init__(self, config: ToyReconstruction.Config, context: LossContext) -> None:
        super().__init__(config, context)
        self.context = context

    def forward(self, view: StepView) -> dict[str, Tensor]:
        """A term for each modality."""
        return {m: self._error(view, m) + self._codebook_error(view, m) for m in view.decoded}

    def _codebook_error(self, view: StepView, modality: str) -> Tensor:
        """The error that trains codewords that are parameters; without gradient for others."""
        quantizer = cast(Quantizer, self.context.quantizer)
        codewords = quantizer.lookup(modality, view.quantized[modality].indices).own
        return F.mse_loss(codewords, view.encoded[modality].semantic.detach())

    def _error(self, view: StepView, modality: str) -> Tensor:
        encoded, codes = view.encoded[modality], view.quantized[modality]
        wanted = view.inputs[modality].values if encoded.target is None else encoded.target
        return F.mse_loss(view.decoded[modality], wanted.detach()) + F.mse_loss(encoded.semantic, codes.own.detach())
