"""Quantizer "two-level-codebooks": one shared codebook for each half of a latent; a code is one codeword of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import attrs
import torch
from attrs.validators import and_, ge, gt, le, lt
from codaar_plugin_vqvae.codebooks import Codebooks
from torch import Tensor

from codaar_core.api import Encoded, Quantized, Quantizer, QuantizerContext, Ranks, Space, setting


class TwoLevelCodebooks(Quantizer):
    """The two codebooks of H-DCID (released code): each follows its half of the latents by moving averages.

    Index k1 K + k2 stands for codeword k1 of the first level and k2 of the second, so there are K^2 codes. Both
    codebooks are updated in every step, with targets that are mixed over the modalities. They are shared, so that
    alignment steps, which leave equal codewords as they are, have nothing to adjust. Decoders read the first level
    only; heads read both.
    """

    gives_distances = False  # K^2 distances are too many
    example: ClassVar = {"codes": 16, "dim": 4, "reset_after": 3, "active_within": 1}

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of both codebooks; the defaults are those of the released code."""

        codes: int = setting(400, "number K of codewords of each level", gt(0))
        dim: int = setting(256, "width D of a codeword of one level; latents are twice as wide", gt(0))
        own: float = setting(
            0.5, "share of a modality's latent in its target; the others share the rest", and_(ge(0.0), le(1.0))
        )
        decay: float = setting(0.99, "share of the moving sums and counts that an update keeps", and_(ge(0.0), lt(1.0)))
        initial_count: float = setting(
            0.0, "initial count of each codeword; 0 (released) pushes unused codewords far away; 1 avoids it", ge(0.0)
        )
        reset_after: int = setting(300, "updates without use after which a codeword is reset; 0: never", ge(0))
        active_within: int = setting(100, "a reset copies a codeword used within this many updates", gt(0))
        reset_scope: Literal["codebook", "sums"] = setting(
            "codebook",
            "codebook: the next update undoes a reset (released); sums: a reset also sets moving sums and counts",
        )

    def __init__(self, config: Config, context: QuantizerContext) -> None:
        super().__init__(config, context)
        settings = attrs.asdict(config, filter=attrs.filters.exclude("own"))
        level = Codebooks.Config(books="shared-in-turn", **settings)
        self.first, self.second = Codebooks(level, context), Codebooks(level, context)

    @property
    def latent(self) -> Space:
        """Space (2 D,)."""
        return Space((2 * self.config.dim,))

    @property
    def code_space(self) -> Space:
        """Space (2 D,)."""
        return self.latent

    @property
    def size(self) -> int:
        """Number of codes K^2."""
        return int(self.config.codes**2)

    def codebooks(self) -> dict[str, Tensor]:
        """All codes (K^2, 2 D) by modality."""
        every = torch.arange(self.size, device=self.first.codewords.device)
        return dict.fromkeys(self.first.modalities, self._codes(every))

    def lookup(self, modality: str, indices: Tensor) -> Quantized:
        """Give the codes of known indices (B, T)."""
        own = self._codes(indices)
        return Quantized(indices, own, own.clone())

    def _codes(self, indices: Tensor) -> Tensor:
        """Codes (..., 2 D) of indices (...)."""
        parts = (indices // self.config.codes, indices % self.config.codes)
        books = (self.first.codewords[:, 0], self.second.codewords[:, 0])
        return torch.cat([book[part] for book, part in zip(books, parts, strict=True)], dim=-1)

    def quantize(self, encoded: Mapping[str, Encoded]) -> dict[str, Quantized]:
        """Assign each half of a latent to its nearest codeword, straight-through, without distances."""
        return {modality: self._quantize(modality, item) for modality, item in encoded.items()}

    def _quantize(self, modality: str, encoded: Encoded) -> Quantized:
        halves = [encoded._replace(semantic=half) for half in encoded.semantic.chunk(2, dim=-1)]
        first, second = (
            book.quantize({modality: half})[modality]
            for book, half in zip((self.first, self.second), halves, strict=True)
        )
        own = torch.cat([first.own, second.own], dim=-1)
        return Quantized(first.indices * self.config.codes + second.indices, own, own.clone(), mask=encoded.mask)

    def decodable(self, quantized: Mapping[str, Quantized]) -> Mapping[str, Quantized]:
        """The records with zeros in place of the second level: decoders read the first one (released code)."""
        return {m: codes._replace(full=_first_level(codes.full)) for m, codes in quantized.items()}

    def update(self, targets: Mapping[str, Tensor], assigned: Mapping[str, Quantized], ranks: Ranks) -> None:
        """Move the codewords of both levels towards the mixed latents (B, T, 2 D) assigned to them."""
        halves = {m: target.chunk(2, dim=-1) for m, target in self.mixed(targets, assigned).items()}
        for level, (book, codes) in enumerate(self._levels(assigned)):
            book.update({m: half[level] for m, half in halves.items()}, codes, ranks)

    def mixed(self, targets: Mapping[str, Tensor], assigned: Mapping[str, Quantized]) -> dict[str, Tensor]:
        """Replace targets by ``own`` of them and equal shares of the others, at the steps present in all modalities."""
        if len(targets) < 2:
            return dict(targets)
        steps = min(target.shape[1] for target in targets.values())
        common = {m: target[:, :steps] for m, target in targets.items()}
        present = torch.stack([assigned[m].real()[:, :steps] for m in targets]).all(dim=0)[..., None]
        total, share = sum(common.values()), (1 - self.config.own) / (len(targets) - 1)
        mixed = {m: self.config.own * each + share * (total - each) for m, each in common.items()}
        return {
            m: torch.cat([torch.where(present, mixed[m], common[m]), target[:, steps:]], dim=1)
            for m, target in targets.items()
        }

    def reset(self, assigned: Mapping[str, Quantized], generator: torch.Generator, ranks: Ranks) -> None:
        """Reset dead codewords of both levels."""
        for book, codes in self._levels(assigned):
            book.reset(codes, generator, ranks)

    def _levels(self, assigned: Mapping[str, Quantized]) -> list[tuple[Codebooks, dict[str, Quantized]]]:
        """Both codebooks, each with the codes of its level."""
        codes = self.config.codes
        first = {m: each._replace(indices=each.indices // codes) for m, each in assigned.items()}
        second = {m: each._replace(indices=each.indices % codes) for m, each in assigned.items()}
        return [(self.first, first), (self.second, second)]


def _first_level(full: Tensor) -> Tensor:
    first, second = full.chunk(2, dim=-1)
    return torch.cat([first, torch.zeros_like(second)], dim=-1)
