"""Residual EMA codebooks: each level quantizes what the levels below it left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import attrs
import torch
from attrs.validators import ge, gt
from torch import Tensor, nn

from codaar_core.api import Encoded, Quantized, Quantizer, QuantizerContext, Ranks, Space, setting
from codaar_plugin_vqvae.codebooks import REMEDIES, Codebooks, help_against_collapse
from codaar_plugin_vqvae.distances import Nearest
from codaar_plugin_vqvae.gradients import CodeGradients


class ResidualCodebooks(Quantizer):
    """Codebooks in several levels; the code of a step is the sum of one codeword of each (arXiv 2107.03312, Alg. 1).

    Every level is a ``codebooks`` quantizer of its own, with its own moving averages and reset. Level 0 quantizes the
    latents, each higher level what the lower ones left. Alignment steps mix these targets level by level, and adjust
    the codewords of every level. With one level it equals ``codebooks``.
    """

    example: ClassVar = {**Codebooks.example, "codes": 8, "levels": 3}
    examples: ClassVar = (
        {"levels": 1},
        {"books": "shared", "reset_after": 0},
        {"decode": "concatenation", "counts": "plain", "initial_count": 1.0, "align_scope": "sums"},
        {"start": "kmeans", "start_batches": 12, "start_iterations": 2},
    )

    @attrs.frozen(kw_only=True)
    class Config(Codebooks.Config):
        """Settings of the residual codebooks: those of ``codebooks``, for every level, and the number of levels."""

        codes: int = setting(800, "number of codewords of a codebook in each level", gt(0))
        metric: Literal["euclidean"] = setting("euclidean", "euclidean: no other way, residuals have a length")
        levels: int = setting(2, "number Q of levels, each with one code for every time step", ge(1))

    def __init__(self, config: Config, context: QuantizerContext) -> None:
        super().__init__(config, context)
        self.levels = config.levels
        self.of_level = nn.ModuleList(Codebooks(config, context) for _ in range(config.levels))

    @property
    def latent(self) -> Space:
        """Space (D,)."""
        return self._first.latent

    @property
    def code_space(self) -> Space:
        """Space (books * D,)."""
        return self._first.code_space

    @property
    def size(self) -> int:
        """Number of codewords K of one codebook, of all levels together."""
        return int(self.config.codes * self.levels)

    @property
    def collapse_help(self) -> str:
        """The settings against a collapse that are not on yet."""
        return help_against_collapse(self.config, {n: value for n, value in REMEDIES.items() if n != "metric"})

    @property
    def _first(self) -> Codebooks:
        first: Codebooks = self.of_level[0]
        return first

    def codebooks(self) -> dict[str, Tensor]:
        """The codewords (K, D) by modality, level after level."""
        books = [level.codebooks() for level in self.of_level]
        return {modality: torch.cat([book[modality] for book in books]) for modality in books[0]}

    def lookup(self, modality: str, indices: Tensor) -> Quantized:
        """Give the codes of known indices, (B, T) with one level, else (B, T, Q)."""
        rows = torch.cat([level.codewords for level in self.of_level])[indices]
        if self.levels > 1:
            rows = rows.sum(dim=2)
        return Quantized(indices, own=rows[..., self._first.book[modality], :], full=rows.flatten(-2))

    def quantize(self, encoded: Mapping[str, Encoded]) -> dict[str, Quantized]:
        """Assign each level's target to its nearest codeword; the gradients of the sums are those of ``codebooks``."""
        left, found = {modality: item.semantic for modality, item in encoded.items()}, []
        for level in self.of_level:
            found.append(level.nearest(left))
            left = {m: each - level.lookup(m, found[-1][m].indices).own for m, each in left.items()}
        gradients = self._first.gradients(encoded)
        of_levels = {modality: [of_level[modality] for of_level in found] for modality in encoded}
        return {m: self._quantized(m, item, of_levels[m], gradients) for m, item in encoded.items()}

    def _quantized(
        self, modality: str, encoded: Encoded, nearest: list[Nearest], gradients: CodeGradients
    ) -> Quantized:
        indices = [each.indices + q * int(self.config.codes) for q, each in enumerate(nearest)]
        codes = self.lookup(modality, _stacked(indices))
        own, full = gradients.own(modality, codes.own), gradients.full(modality, codes.full)
        distances = torch.cat([each.distances for each in nearest], dim=-1) if self.wants_distances else None
        return Quantized(codes.indices, own, full, distances, encoded.mask)

    def decodable(self, quantized: Mapping[str, Quantized]) -> Mapping[str, Quantized]:
        """The records as ``codebooks`` gives them to decoders."""
        return self._first.decodable(quantized)

    def targets(self, encoded: Mapping[str, Encoded], assigned: Mapping[str, Quantized]) -> dict[str, Tensor]:
        """What each level quantized: (B, T, D) with one level, else (B, T, Q, D)."""
        return {m: self._targets(m, item.semantic.detach(), assigned[m].indices) for m, item in encoded.items()}

    def _targets(self, modality: str, latents: Tensor, indices: Tensor) -> Tensor:
        left = [latents]
        for q, level in enumerate(self.of_level[:-1]):
            left.append(left[-1] - level.lookup(modality, self._rows(indices, q)).own)
        return _stacked(left)

    def update(self, targets: Mapping[str, Tensor], assigned: Mapping[str, Quantized], ranks: Ranks) -> None:
        """Let each level move its codewords towards the targets assigned to them."""
        for q, level in enumerate(self.of_level):
            level.update({m: self._at(target, q) for m, target in targets.items()}, self._assigned(assigned, q), ranks)

    def replace(self, codebooks: Mapping[str, Tensor]) -> None:
        """Give each level its rows of the aligned codebooks."""
        parts = {modality: book.chunk(self.levels) for modality, book in codebooks.items()}
        for q, level in enumerate(self.of_level):
            level.replace({modality: part[q] for modality, part in parts.items()})

    def reset(self, assigned: Mapping[str, Quantized], generator: torch.Generator, ranks: Ranks) -> None:
        """Let each level reset its dead rows; they become copies of rows of that level."""
        for q, level in enumerate(self.of_level):
            level.reset(self._assigned(assigned, q), generator, ranks)

    def _assigned(self, assigned: Mapping[str, Quantized], q: int) -> dict[str, Quantized]:
        """The records with the indices (B, T) of one level, numbered from 0."""
        return {modality: codes._replace(indices=self._rows(codes.indices, q)) for modality, codes in assigned.items()}

    def _rows(self, indices: Tensor, q: int) -> Tensor:
        """The rows (B, T) of level ``q``; at masked steps, where all indices are 0, its first one."""
        return self._at(indices, q) % int(self.config.codes)

    def _at(self, value: Tensor, q: int) -> Tensor:
        """Level ``q`` of indices or targets, which have an axis of levels if there are several."""
        return value if self.levels == 1 else value.select(2, q)


def _stacked(values: list[Tensor]) -> Tensor:
    """One tensor of all levels: the only one, or with a third axis (B, T, Q, ...)."""
    return values[0] if len(values) == 1 else torch.stack(values, dim=2)
