"""EMA codebooks: one for each modality, or one that all share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import attrs
import torch
from attrs.validators import and_, ge, gt, lt
from torch import Tensor

from codaar_core.api import (
    CodaarError,
    ComponentError,
    Encoded,
    Quantized,
    Quantizer,
    QuantizerContext,
    Ranks,
    Space,
    setting,
    sum_all,
)

EPSILON = 1e-5  # of the counts: arXiv 2605.12145, Eq. 5


class Codebooks(Quantizer):
    """Codewords that follow the latents assigned to them by an exponential moving average (EMA).

    Row k holds the k-th codeword of every codebook, so "same index" means "same row": ``full`` is a whole row, in the
    order of the model's modalities, chosen by one modality alone (the released form of arXiv 2605.12145, Eq. 9).
    A shared codebook is a row with one entry: there ``full`` equals ``own``.

    Raises:
        ComponentError: A shared codebook with nothing to concatenate.
    """

    codewords: Tensor  # (K, books, D)
    sums: Tensor  # (K, books, D): moving sum of the targets
    counts: Tensor  # (K, books): moving count of the targets
    idle: Tensor  # (K,) int64: consecutive updates in which no modality selected the row; -1 before the first

    example: ClassVar = {"codes": 16, "dim": 8, "reset_after": 5, "active_within": 3}
    examples: ClassVar = (
        {"books": "shared", "reset_after": 0},
        {"books": "shared-in-turn"},
        {
            "decode": "concatenation",
            "counts": "plain",
            "initial_count": 1.0,
            "align_scope": "sums",
            "reset_scope": "sums",
            "count_first_update": True,
        },
    )

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of the codebooks; the defaults are those of the released code."""

        codes: int = setting(800, "number K of codewords of a codebook", gt(0))
        dim: int = setting(256, "width D of a codeword and of every latent", gt(0))
        books: Literal["each", "shared", "shared-in-turn"] = setting(
            "each",
            "one codebook for each modality, or one shared by all; shared-in-turn: each modality updates it in turn "
            "(released code of DCID)",
        )
        decode: Literal["row", "concatenation"] = setting(
            "row",
            "row: decoders read the row at their own index (released); concatenation: the own codewords of all (Eq. 9)",
        )
        decay: float = setting(0.99, "share of the moving sums and counts that an update keeps", and_(ge(0.0), lt(1.0)))
        counts: Literal["smoothed", "plain"] = setting(
            "smoothed",
            "smoothed: Laplace-smoothed counts, stored (released); plain: codeword = sum / (count + 1e-5) (Eq. 5)",
        )
        initial_count: float = setting(
            0.0, "initial count of each codeword; 0 (released) pushes unused codewords far away; 1 avoids it", ge(0.0)
        )
        align_scope: Literal["codebook", "sums"] = setting(
            "codebook",
            "codebook: the next update undoes the alignment (released); sums: alignment also adjusts the moving sums",
        )
        reset_after: int = setting(300, "updates without use after which a row is reset; 0: never", ge(0))
        active_within: int = setting(100, "a reset copies a row used within this many updates", gt(0))
        reset_noise: float = setting(0.001, "standard deviation of the noise added to a copied row", ge(0.0))
        reset_scope: Literal["codebook", "sums"] = setting(
            "codebook",
            "codebook: the next update undoes a reset (released); sums: a reset also sets moving sums and counts",
        )
        count_first_update: bool = setting(
            False, "whether the very first update counts towards reset_after (released: no)"
        )

    def __init__(self, config: Config, context: QuantizerContext) -> None:
        super().__init__(config, context)
        each = config.books == "each"
        if not each and config.decode == "concatenation":
            raise ComponentError('decode = "concatenation" needs books = "each"', 'write decode = "row"')
        self.modalities = context.modalities
        self.book = {modality: position if each else 0 for position, modality in enumerate(self.modalities)}
        self.owners = self.modalities if each else self.modalities[:1]
        codewords = torch.empty(config.codes, len(self.owners), config.dim).uniform_(
            -1 / config.codes, 1 / config.codes
        )
        self.register_buffer("codewords", codewords)
        self.register_buffer("sums", codewords * (config.initial_count or 1.0))  # released: sums of a count of 1
        self.register_buffer("counts", torch.full(codewords.shape[:2], config.initial_count))
        self.register_buffer("idle", torch.full((config.codes,), 0 if config.count_first_update else -1))

    @property
    def latent(self) -> Space:
        """Space (D,)."""
        return Space((self.config.dim,))

    @property
    def code_space(self) -> Space:
        """Space (books * D,)."""
        return Space((len(self.owners) * self.config.dim,))

    @property
    def size(self) -> int:
        """Number of codewords K of one codebook."""
        return self.config.codes

    def codebooks(self) -> dict[str, Tensor]:
        """The codewords (K, D) by modality."""
        return {modality: self.codewords[:, book] for modality, book in self.book.items()}

    def lookup(self, modality: str, indices: Tensor) -> Quantized:
        """Give the codes of known indices (B, T)."""
        rows = self.codewords[indices]
        return Quantized(indices, own=rows[..., self.book[modality], :], full=rows.flatten(-2))

    def quantize(self, encoded: Mapping[str, Encoded]) -> dict[str, Quantized]:
        """Assign each latent to its nearest codeword, with straight-through gradients.

        ``own`` passes its gradient to the modality's own latents. ``full`` passes it to the latents of all modalities
        at the same clip and step, each its own part; where one is absent or longer than another, to none.
        """
        paths = {modality: gradient_path(item) for modality, item in encoded.items()}
        rows = paths if len(self.owners) == 1 else dict.fromkeys(paths, self._row_path(paths))
        return {m: self._quantize(m, item, paths[m], rows[m]) for m, item in encoded.items()}

    def _quantize(self, modality: str, encoded: Encoded, path: Tensor, row_path: Tensor) -> Quantized:
        distances = squared_distances(encoded, self.codewords[:, self.book[modality]])
        codes = self.lookup(modality, distances.detach().argmin(dim=-1))
        given = distances if self.wants_distances else None
        return Quantized(codes.indices, codes.own + path, codes.full + row_path, given, encoded.mask)

    def _row_path(self, paths: Mapping[str, Tensor]) -> Tensor:
        """The gradient path of a whole row; zero where the modalities' clips and steps do not correspond."""
        together = paths.keys() == self.book.keys() and len({path.shape for path in paths.values()}) == 1
        if not together:
            return self.codewords.new_zeros(())
        return torch.cat([paths[modality] for modality in self.modalities], dim=-1)

    def decodable(self, quantized: Mapping[str, Quantized]) -> Mapping[str, Quantized]:
        """The records as they are or, in the paper's reading of Eq. 9, with one ``full`` code for all decoders."""
        if self.config.decode == "row":
            return quantized
        own = [quantized[modality].own for modality in self.modalities]
        if len({code.shape for code in own}) > 1:
            steps = ", ".join(f"{code.indices.shape[1]} of {modality}" for modality, code in quantized.items())
            raise CodaarError(f'decode = "concatenation" needs equally many steps of all modalities, not {steps}')
        full = torch.cat(own, dim=-1)
        return {modality: codes._replace(full=full) for modality, codes in quantized.items()}

    def update(self, targets: Mapping[str, Tensor], assigned: Mapping[str, Quantized], ranks: Ranks) -> None:
        """Move codewords towards the targets (B, T, D) assigned to them: arXiv 2605.12145, Eqs. 4 and 5."""
        in_turn = self.config.books == "shared-in-turn"
        turns = [{m: target} for m, target in targets.items()] if in_turn else [targets]
        own = [each for together in turns for each in self._assigned(together, assigned)]
        total = iter(sum_all(ranks, *own))
        for _ in turns:
            self._move(next(total), next(total))
        self.codewords.copy_(self._centroids())

    def _assigned(self, targets: Mapping[str, Tensor], assigned: Mapping[str, Quantized]) -> tuple[Tensor, Tensor]:
        """Sums (K, books, D) and counts (K, books) of this rank's targets, of some modalities."""
        sums, counts = torch.zeros_like(self.sums), torch.zeros_like(self.counts)
        for modality, target in targets.items():
            book, indices, real = self.book[modality], *_steps(assigned[modality])
            target = target.flatten(0, 1).masked_fill(~real[:, None], 0)
            sums[:, book].index_add_(0, indices, target.to(sums.dtype))
            counts[:, book].index_add_(0, indices, real.to(counts.dtype))
        return sums, counts

    def _move(self, sums: Tensor, counts: Tensor) -> None:
        """Update moving sums and counts."""
        decay = self.config.decay
        self.sums.mul_(decay).add_(sums, alpha=1 - decay)
        self.counts.mul_(decay).add_(counts, alpha=1 - decay)
        if self.config.counts == "smoothed":
            total = self.counts.sum(dim=0)
            self.counts.copy_((self.counts + EPSILON) / (total + self.size * EPSILON) * total)

    def _centroids(self) -> Tensor:
        """Moving sums over moving counts; a codebook that has never been assigned anything stays as it is."""
        total = self.counts.sum(dim=0)
        return torch.where(total[:, None] > 0, self.sums / self._weights()[..., None], self.codewords)

    def _weights(self) -> Tensor:
        """The divisors (K, books) of the moving sums."""
        return self.counts if self.config.counts == "smoothed" else self.counts + EPSILON

    def replace(self, codebooks: Mapping[str, Tensor]) -> None:
        """Take over aligned codebooks; as released, sums stay, so that the next update starts from the centroids."""
        self.codewords.copy_(torch.stack([codebooks[modality] for modality in self.owners], dim=1))
        if self.config.align_scope == "sums":
            aligned = self.codewords * self._weights()[..., None]
            self.sums.copy_(torch.where(self.counts.sum(dim=0)[:, None] > 0, aligned, self.sums))

    def reset(self, assigned: Mapping[str, Quantized], generator: torch.Generator, ranks: Ranks) -> None:
        """Turn rows that no modality has selected for long into noisy copies of rows in use."""
        if not self.config.reset_after:
            return
        self.idle.add_(1).masked_fill_(ranks.sum(self._uses(assigned)) > 0, 0)
        dead = self.idle > self.config.reset_after
        active = (self.idle < self.config.active_within) & ~dead
        self.idle.masked_fill_(dead, 0)
        if waits(dead) or dead.any():
            self._revive(dead & active.any(), active, generator)

    def _uses(self, assigned: Mapping[str, Quantized]) -> Tensor:
        """How often each row (K,) is selected, by any modality."""
        uses = torch.zeros_like(self.idle)
        for codes in assigned.values():
            indices, real = _steps(codes)
            uses.index_add_(0, indices, real.to(uses.dtype))
        return uses

    def _revive(self, dead: Tensor, active: Tensor, generator: torch.Generator) -> None:
        """Draw for all rows and keep the draws of dead rows: the host need not wait to learn which rows are dead."""
        donors = draw_donors(active, generator)
        noise = self.config.reset_noise * draw_noise(self.codewords, generator)
        dead_entries = dead[:, None, None]
        self.codewords.copy_(torch.where(dead_entries, self.codewords[donors] + noise, self.codewords))
        if self.config.reset_scope == "sums":
            sums = self.sums[donors] + noise * self.counts[donors, :, None]
            self.sums.copy_(torch.where(dead_entries, sums, self.sums))
            self.counts.copy_(torch.where(dead[:, None], self.counts[donors], self.counts))


def squared_distances(encoded: Encoded, codewords: Tensor) -> Tensor:
    """Squared Euclidean distances (B, T, K) of latents to codewords (K, D), with gradient to both.

    Each distance depends on its own latent and the codebook only: other clips of the batch, e.g. with NaN, do not
    change it. Where latents and their codewords are close together far from the origin, products of large numbers
    cancel the differences, so products are computed in float64. The result has the type of the codewords.
    """
    wide = _widest_float(codewords.device)
    with torch.autocast(codewords.device.type, enabled=False):
        points, book = encoded.semantic.to(wide).flatten(0, 1), codewords.to(wide)
        if wide != torch.float64:  # centring loses less there; with float64, codewords far away would make it lose more
            centre = book.detach().mean(dim=0)
            points, book = points - centre, book - centre
        norms = points.square().sum(dim=-1, keepdim=True) + book.square().sum(dim=-1)
        distances = torch.addmm(norms, points, book.T, alpha=-2).clamp_min(0)
    return distances.to(codewords.dtype).unflatten(0, encoded.semantic.shape[:2])


def _widest_float(device: torch.device) -> torch.dtype:
    """Widest floating-point type of a device: Apple GPUs have no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def draw_donors(active: Tensor, generator: torch.Generator) -> Tensor:
    """Choose an active row for each row (K,); the generator is that of the device, or else the host waits."""
    in_use_first = active.to(torch.uint8).argsort(descending=True, stable=True)
    wide = _widest_float(generator.device)
    shares = torch.rand(len(active), generator=generator, device=generator.device, dtype=wide)
    parts = (shares * 2**32).long().to(active.device)
    return in_use_first[parts * active.sum() >> 32]


def draw_noise(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal noise with the shape, precision and device of ``like``."""
    return torch.randn(like.shape, generator=generator, device=generator.device, dtype=like.dtype).to(like.device)


def waits(value: Tensor) -> bool:
    """Whether reading the value makes the host wait; on the CPU, reading is cheaper than drawing for all rows."""
    return value.device.type != "cpu"


def gradient_path(encoded: Encoded) -> Tensor:
    """Zero with the latents' gradient at real steps: added to a code, it does not change its value."""
    zero = encoded.semantic - encoded.semantic.detach()
    return zero if encoded.mask is None else zero.masked_fill(~encoded.mask[..., None], 0)


def _steps(codes: Quantized) -> tuple[Tensor, Tensor]:
    """Indices (B*T,) and which of them are real."""
    return codes.indices.flatten(), codes.real().flatten()
