"""Quantizer "lfq": lookup-free quantization."""

from __future__ import annotations

from typing import ClassVar

import attrs
from attrs.validators import and_, ge, le
from torch import Tensor

from codaar_core.api import QuantizerContext, setting
from codaar_plugin_vqtorch.shared import SharedCodebook


class Lfq(SharedCodebook):
    """Lookup-free quantization (arXiv 2310.05737): a codeword is the signs of the channels of a latent.

    There are 2^D codewords. Nothing makes latents use them: add the loss ``code-entropy``, with weight 0.1 in the
    library.
    """

    example: ClassVar = {"dim": 4}

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of lookup-free quantization."""

        dim: int = setting(12, "width D of a latent, in bits; the number K of codewords is 2^D", and_(ge(1), le(16)))

    def __init__(self, config: Config, context: QuantizerContext) -> None:
        super().__init__(config, context)
        from vector_quantize_pytorch import LFQ

        self.module = LFQ(dim=config.dim, force_quantization_f32=False)

    @property
    def size(self) -> int:
        """Number of codewords K."""
        return int(self.module.codebook_size)

    def codewords(self, indices: Tensor) -> Tensor:
        """Codewords (..., D) of indices (...)."""
        codewords: Tensor = self.module.codebook[indices]
        return codewords

    def assign(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Indices, straight-through codes and, if wanted, squared distances to all codewords."""
        bits = latents > 0
        indices = (bits * self.module.mask).sum(-1)
        codes = self.codewords(indices) + latents - latents.detach()
        return indices, codes, self.distances(latents) if self.wants_distances else None

    def distances(self, latents: Tensor) -> Tensor:
        """Squared Euclidean distances (B, T, K) to all codewords."""
        codebook = self.module.codebook
        return latents.square().sum(-1, keepdim=True) - 2 * latents @ codebook.T + self.config.dim
