"""Base of the adapters: one implicit codebook that all modalities share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from codaar_core.api import Encoded, Quantized, Quantizer, QuantizerContext, Space


class SharedCodebook(Quantizer):
    """A quantizer whose codewords follow from its parameters; ``update``, ``replace`` and ``reset`` do nothing.

    Its ``Config`` has ``dim``, the width of latents and codewords.
    """

    def __init__(self, config: Any, context: QuantizerContext) -> None:
        super().__init__(config, context)
        self.modalities = context.modalities

    @property
    def latent(self) -> Space:
        """Space (D,)."""
        return Space((self.config.dim,))

    @property
    def code_space(self) -> Space:
        """Space (D,): ``full`` equals ``own``."""
        return self.latent

    @abstractmethod
    def codewords(self, indices: Tensor) -> Tensor:
        """Return the codewords (..., D) of indices (...), with gradient to parameters."""

    @abstractmethod
    def assign(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return indices (B, T), codes (B, T, D) with gradient to latents (B, T, D), and distances or None."""

    def codebooks(self) -> dict[str, Tensor]:
        """The codewords (K, D) by modality."""
        device = next((each.device for each in (*self.parameters(), *self.buffers())), None)
        return dict.fromkeys(self.modalities, self.codewords(torch.arange(self.size, device=device)))

    def lookup(self, modality: str, indices: Tensor) -> Quantized:
        """Give the codes of known indices (B, T)."""
        own = self.codewords(indices)
        return Quantized(indices, own, own.clone())

    def quantize(self, encoded: Mapping[str, Encoded]) -> dict[str, Quantized]:
        """Assign each latent; each modality passes its gradient to its own latents, at real steps."""
        return {modality: self._quantize(item) for modality, item in encoded.items()}

    def _quantize(self, encoded: Encoded) -> Quantized:
        latents = encoded.semantic.masked_fill(~encoded.real()[..., None], 0)
        indices, own, distances = self.assign(latents)
        indices = indices.long().clamp(0, self.size - 1)  # NaN has no index
        return Quantized(indices, own, own.clone(), distances if self.wants_distances else None, encoded.mask)
