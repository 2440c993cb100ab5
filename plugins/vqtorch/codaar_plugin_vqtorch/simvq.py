"""Quantizer "simvq": a frozen random codebook seen through a learned linear map."""

from __future__ import annotations

from typing import ClassVar

import attrs
from attrs.validators import gt
from codaar_plugin_vqvae.distances import squared_distances
from codaar_plugin_vqvae.gradients import GRADIENT, Gradient, rotate
from torch import Tensor

from codaar_core.api import QuantizerContext, setting
from codaar_plugin_vqtorch.shared import SharedCodebook


class SimVq(SharedCodebook):
    """SimVQ (arXiv 2411.02038): codewords are a linear map of frozen random vectors, so that all move together.

    The loss ``codebook`` trains the map; add ``commitment`` as for other codebooks. Gradients pass straight through
    or, as by default in the library, are rotated.
    """

    example: ClassVar = {"codes": 16, "dim": 8}
    examples: ClassVar = ({"gradient": "rotation"},)
    expected_failures: ClassVar = {"[gradient=rotation]:straight-through": "the gradient is rotated and rescaled"}

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of SimVQ."""

        codes: int = setting(400, "number K of codewords", gt(0))
        dim: int = setting(256, "width D of a codeword and of every latent", gt(0))
        scale: float = setting(
            1.0, "standard deviation of the frozen vectors; 1 suits layer-normalised latents; library: D^-0.5", gt(0.0)
        )
        gradient: Gradient = setting("straight-through", GRADIENT)

    def __init__(self, config: Config, context: QuantizerContext) -> None:
        super().__init__(config, context)
        from vector_quantize_pytorch import SimVQ

        self.module = SimVQ(config.dim, config.codes, init_fn=lambda book: config.scale * config.dim**0.5 * book)

    @property
    def size(self) -> int:
        """Number of codewords K."""
        return int(self.config.codes)

    def codewords(self, indices: Tensor) -> Tensor:
        """Codewords (..., D) of indices (...), with gradient to the linear map."""
        return self.module.code_transform(self.module.frozen_codebook[indices])

    def assign(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Nearest codewords, with gradient to latents, and squared distances to all."""
        distances = squared_distances(self.module.codebook, latents)
        indices = distances.detach().argmin(-1)
        own = self.codewords(indices).detach()
        if self.config.gradient == "rotation":
            rotated = rotate(latents, own)
            return indices, own + (rotated - rotated.detach()), distances
        return indices, own + latents - latents.detach(), distances
