"""A codebook that learns by gradient, shared by all modalities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

import attrs
import torch
from attrs.validators import ge, gt
from torch import Tensor, nn

from codaar_core.api import ComponentError, Encoded, Quantized, Quantizer, QuantizerContext, Space, setting
from codaar_plugin_vqvae.distances import Metric, distances_to
from codaar_plugin_vqvae.gradients import GRADIENT, Gradient, code_gradients


class LearnedCodebook(Quantizer):
    """Codewords that are parameters: a loss must move them, e.g. ``codebook``.

    With several parts (product quantization), a latent is cut into as many pieces, each with a codebook of its own; a
    code is one codeword of each. So 2 x 256 entries give 65,536 codewords.

    Raises:
        ComponentError: The parts do not divide the width.
    """

    example: ClassVar = {"codes": 16, "dim": 8}
    examples: ClassVar = ({"metric": "cosine", "gradient": "rotation"}, {"parts": 2})
    expected_failures: ClassVar = {
        "[metric=cosine,gradient=rotation]:distances": "distances are those between unit vectors",
        "[metric=cosine,gradient=rotation]:straight-through": "the gradient is rotated and rescaled",
    }

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of the learned codebook."""

        codes: int = setting(400, "number of entries of each part", gt(0))
        dim: int = setting(256, "width D of a codeword and of every latent", gt(0))
        parts: int = setting(
            1, "number of pieces of a latent, each with its own entries; no distances are given if above 1", ge(1)
        )
        initial: Literal["normal", "uniform"] = setting(
            "normal", "initial entries: standard normal (scale of a layer norm's output), or uniform within 1 / codes"
        )
        metric: Metric = setting(
            "euclidean", "nearest by Euclidean distance, or by cosine; cosine distances are those between unit vectors"
        )
        gradient: Gradient = setting("straight-through", GRADIENT)

    def __init__(self, config: Config, context: QuantizerContext) -> None:
        super().__init__(config, context)
        if config.dim % config.parts:
            raise ComponentError(
                f"{config.parts} parts do not divide the width {config.dim}", "change quantizer.parts or quantizer.dim"
            )
        self.modalities = context.modalities
        entries = torch.empty(config.parts, config.codes, config.dim // config.parts)
        within = 1 / config.codes
        self.entries = nn.Parameter(
            entries.normal_() if config.initial == "normal" else entries.uniform_(-within, within)
        )

    @property
    def latent(self) -> Space:
        """Space (D,)."""
        return Space((self.config.dim,))

    @property
    def code_space(self) -> Space:
        """Space (D,)."""
        return Space((self.config.dim,))

    @property
    def size(self) -> int:
        """Number of codewords K: entries to the power of parts."""
        return int(self.config.codes**self.config.parts)

    @property
    def gives_distances(self) -> bool:
        """Only with one part: the product of several parts has too many codewords."""
        return bool(self.config.parts == 1)

    def codebooks(self) -> dict[str, Tensor]:
        """All codewords (K, D) by modality, made of their parts."""
        return dict.fromkeys(self.modalities, self._codewords(torch.arange(self.size, device=self.entries.device)))

    def lookup(self, modality: str, indices: Tensor) -> Quantized:
        """Give the codes of known indices (B, T), with gradient to the codewords."""
        own = self._codewords(indices)
        return Quantized(indices, own, own.clone())

    def _codewords(self, indices: Tensor) -> Tensor:
        """Codewords (..., D) of indices (...): digits of base ``codes``, the first part's first."""
        places = [self.config.codes**part for part in reversed(range(self.config.parts))]
        digits = [indices // place % self.config.codes for place in places]
        return torch.cat([part[digit] for part, digit in zip(self.entries, digits, strict=True)], dim=-1)

    def quantize(self, encoded: Mapping[str, Encoded]) -> dict[str, Quantized]:
        """Assign each piece of a latent to its nearest entry, with a gradient to the modality's own latents."""
        return {modality: self._quantize(modality, item) for modality, item in encoded.items()}

    def _quantize(self, modality: str, encoded: Encoded) -> Quantized:
        distances = list(self._distances(encoded))
        indices = torch.zeros_like(encoded.semantic[..., 0], dtype=torch.int64)
        for each in distances:
            indices = indices * self.config.codes + each.detach().argmin(dim=-1)
        gradients = code_gradients(self.config.gradient, {modality: encoded})
        own = gradients.own(modality, self.lookup(modality, indices).own.detach())
        given = distances[0] if self.wants_distances and self.gives_distances else None
        return Quantized(indices, own, own.clone(), given, encoded.mask)

    def _distances(self, encoded: Encoded) -> Iterator[Tensor]:
        """Squared distances (B, T, codes) of each piece to the entries of its part."""
        pieces = encoded.semantic.chunk(self.config.parts, dim=-1)
        for piece, entries in zip(pieces, self.entries, strict=True):
            yield distances_to(entries, piece, self.config.metric)
