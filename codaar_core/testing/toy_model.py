"""Toy model: the smallest components that train together; a component under test takes the place of one."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import attrs
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codaar_core.api import (
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
    Quantized,
    Quantizer,
    QuantizerContext,
    Ranks,
    Space,
    StepView,
    setting,
)
from codaar_core.testing.toys import CODEWORDS, LATENT, MODALITIES, STEPS, ToySplit

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
        self.steps = nn.Linear(context.codes.width + private, prod(self.output))

    def forward(self, encoded: Encoded, quantized: Quantized) -> Tensor:
        """Decode."""
        read = [quantized.full] if encoded.private is None else [quantized.full, encoded.private.flatten(2)]
        return self.steps(torch.cat(read, dim=-1)).unflatten(-1, self.output)


class ToyQuantizer(Quantizer):
    """Codebooks, one for each modality, that move halfway to the means of what they are assigned."""

    books: Tensor  # (M, K, D)

    def __init__(self, config: ToyQuantizer.Config, context: QuantizerContext) -> None:
        super().__init__(config, context)
        self.modalities = context.modalities
        self.register_buffer("books", torch.randn(len(context.modalities), CODEWORDS, LATENT.width))

    size = CODEWORDS
    latent = LATENT

    @property
    def codes(self) -> Space:
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
        return codes._replace(own=codes.own + path, full=codes.full + row_path, distances=distances, mask=encoded.mask)

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
        for number, modality in enumerate(self.modalities):
            indices, rows = assigned[modality].indices.flatten(), targets[modality].flatten(0, 1)
            counts = ranks.sum(torch.bincount(indices, minlength=CODEWORDS).to(rows.dtype))
            sums = ranks.sum(torch.zeros_like(self.books[number]).index_add_(0, indices, rows))
            means = sums / counts.clamp_min(1).unsqueeze(1)
            self.books[number].lerp_(torch.where(counts.unsqueeze(1) > 0, means, self.books[number]), 0.5)

    def replace(self, codebooks: Mapping[str, Tensor]) -> None:
        """Take over."""
        self.books.copy_(torch.stack([codebooks[m] for m in self.modalities]))


class ToyReconstruction(Loss):
    """Mean squared error of the reconstructions, and distance of the latents from their codewords."""

    def forward(self, view: StepView) -> dict[str, Tensor]:
        """A term for each modality."""
        return {m: self._error(view, m) for m in view.decoded}

    def _error(self, view: StepView, modality: str) -> Tensor:
        encoded, codes = view.encoded[modality], view.quantized[modality]
        wanted = view.inputs[modality].values if encoded.target is None else encoded.target
        return F.mse_loss(view.decoded[modality], wanted.detach()) + F.mse_loss(encoded.semantic, codes.own.detach())
