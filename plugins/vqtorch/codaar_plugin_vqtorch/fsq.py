"""Quantizer "fsq": finite scalar quantization."""

from __future__ import annotations

from typing import ClassVar

import attrs
from attrs.validators import and_, deep_iterable, ge, gt, le, max_len, min_len
from torch import Tensor

from codaar_core.api import QuantizerContext, setting
from codaar_plugin_vqtorch.shared import SharedCodebook


class Fsq(SharedCodebook):
    """Finite scalar quantization (arXiv 2309.15505): each of a few channels is bounded and rounded to its levels.

    The library projects latents to these channels and codes back to the width of latents. Codewords are not found by
    distance, so losses over distances are refused.
    """

    gives_distances = False
    example: ClassVar = {"levels": (4, 3, 3), "dim": 8}

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of finite scalar quantization."""

        levels: tuple[int, ...] = setting(
            (8, 5, 5, 5),
            "numbers of levels of the channels; their product is the number K of codewords",
            and_(min_len(1), max_len(8), deep_iterable(and_(ge(3), le(64)))),
        )
        dim: int = setting(256, "width D of a latent and of a code", gt(0))

    def __init__(self, config: Config, context: QuantizerContext) -> None:
        super().__init__(config, context)
        from vector_quantize_pytorch import FSQ

        self.module = FSQ(list(config.levels), dim=config.dim, force_quantization_f32=False)

    @property
    def size(self) -> int:
        """Number of codewords K, the product of the levels."""
        return int(self.module.codebook_size)

    def codewords(self, indices: Tensor) -> Tensor:
        """Codewords (..., D) of indices (...)."""
        codewords: Tensor = self.module.project_out(self.module.implicit_codebook[indices])
        return codewords

    def assign(self, latents: Tensor) -> tuple[Tensor, Tensor, None]:
        """Indices and codes, straight through the rounding."""
        codes, indices = self.module(latents)
        return indices, codes, None
