"""EMA codebooks: one for each modality, or one that all share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from codaar_plugin_vqvae.distances import Metric, Nearest, nearest
from codaar_plugin_vqvae.gradients import GRADIENT, CodeGradients, Gradient, code_gradients
from codaar_plugin_vqvae.kmeans import Points, joined, kmeans, points_of
from codaar_plugin_vqvae.resets import draw_donors, draw_noise, most_used_donors

EPSILON = 1e-5  # of the counts: arXiv 2605.12145, Eq. 5
COSINE = "metric=cosine,start=kmeans,start_batches=12,start_iterations=2"  # names of examples
ROTATION = "gradient=rotation,reset_by=split,reset_noise=0.1"
REMEDIES = {"start": "kmeans", "metric": "cosine", "reset_by": "split", "gradient": "rotation"}
SHORTEST = 1e-12  # a mean vector that is shorter has no direction


class Codebooks(Quantizer):
    """Codewords that follow the latents assigned to them by an exponential moving average (EMA).

    Row k holds the k-th codeword of every codebook, so "same index" means "same row": ``full`` is a whole row, in the
    order of the model's modalities, chosen by one modality alone (the released form of arXiv 2605.12145, Eq. 9).
    A shared codebook is a row with one entry: there ``full`` equals ``own``.

    With ``metric = "cosine"`` every codeword has the length of a layer-normalised latent, the square root of D. Latents
    are assigned to the codeword of the nearest direction. Moving sums add up targets that are given that length, so
    that a codeword has their mean direction. Losses see codewords of that length, and latents as they are.

    With ``start = "kmeans"`` the first updates cluster the latents of their batches instead of moving codewords:
    moving sums and counts add up all of them. Codewords that no latent has been assigned to begin anew with latents of
    the batch. The last of these updates leaves the sums and counts of an average batch.

    Raises:
        ComponentError: A shared codebook with nothing to concatenate.
    """

    codewords: Tensor  # (K, books, D)
    sums: Tensor  # (K, books, D): moving sum of the targets
    counts: Tensor  # (K, books): moving count of the targets
    idle: Tensor  # (K,) int64: consecutive updates in which no modality selected the row; -1 before the first
    started: Tensor  # int64: updates that k-means has had; only with start = "kmeans"

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
        {"metric": "cosine", "start": "kmeans", "start_batches": 12, "start_iterations": 2},
        {"gradient": "rotation", "reset_by": "split", "reset_noise": 0.1},
    )
    expected_failures: ClassVar = {
        f"[{COSINE}]:distances": "distances by cosine are those between unit vectors",
        f"[{COSINE}]:replace-is-kept": "aligned codewords are given the common length again",
        f"[{ROTATION}]:straight-through": "the gradient is rotated and rescaled",
    }

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
        metric: Metric = setting(
            "euclidean",
            "nearest by Euclidean distance, or by cosine: then codewords are mean directions of equal length",
        )
        gradient: Gradient = setting("straight-through", GRADIENT)
        start: Literal["random", "kmeans"] = setting(
            "random", "first codewords: random ones (released), or k-means of the latents of the first batches"
        )
        start_batches: int = setting(10, "batches that k-means clusters, one in each of the first updates", gt(0))
        start_iterations: int = setting(10, "iterations of k-means in each of these updates", gt(0))
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
        reset_by: Literal["copy", "split"] = setting(
            "copy",
            "copy: a reset row is a copy of a random row (released); split: it is half of a row that is used most, "
            "with half of its moving sums and counts",
        )
        reset_noise: float = setting(0.001, "standard deviation of the noise added to a copied row", ge(0.0))
        reset_scope: Literal["codebook", "sums"] = setting(
            "codebook",
            "codebook: the next update undoes a copy (released); sums: a copy also sets moving sums and counts",
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
        codewords = self._placed(codewords, codewords)
        self.register_buffer("codewords", codewords)
        self.register_buffer("sums", codewords * (config.initial_count or 1.0))  # released: sums of a count of 1
        self.register_buffer("counts", torch.full(codewords.shape[:2], config.initial_count))
        self.register_buffer("idle", torch.full((config.codes,), 0 if config.count_first_update else -1))
        self.updated: tuple[Mapping[str, Quantized], Tensor] | None = None  # codes of an update, and uses of rows (K,)
        self.starting = config.start == "kmeans"  # until an update finds that k-means has had its batches
        if self.starting:
            self.register_buffer("started", torch.zeros((), dtype=torch.int64))

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

    @property
    def collapse_help(self) -> str:
        """The settings against a collapse that are not on yet."""
        return help_against_collapse(self.config, REMEDIES)

    def codebooks(self) -> dict[str, Tensor]:
        """The codewords (K, D) by modality."""
        return {modality: self.codewords[:, book] for modality, book in self.book.items()}

    def lookup(self, modality: str, indices: Tensor) -> Quantized:
        """Give the codes of known indices (B, T)."""
        rows = self.codewords[indices]
        return Quantized(indices, own=rows[..., self.book[modality], :], full=rows.flatten(-2))

    def quantize(self, encoded: Mapping[str, Encoded]) -> dict[str, Quantized]:
        """Assign each latent to its nearest codeword, with gradients to latents.

        ``own`` passes its gradient to the modality's own latents. ``full`` passes it to the latents of all modalities
        at the same clip and step, each its own part; where one is absent or longer than another, to none.
        """
        gradients = self.gradients(encoded)
        nearest = self.nearest({modality: item.semantic for modality, item in encoded.items()})
        return {m: self._quantized(m, item, nearest[m], gradients) for m, item in encoded.items()}

    def gradients(self, encoded: Mapping[str, Encoded]) -> CodeGradients:
        """Prepare the gradients from codes to latents."""
        return code_gradients(self.config.gradient, encoded, self.modalities if len(self.owners) > 1 else ())

    def nearest(self, latents: Mapping[str, Tensor]) -> dict[str, Nearest]:
        """Find the nearest codewords of latents (B, T, D) by modality."""
        return nearest(self.codebooks(), latents, self.config.metric)

    def _quantized(self, modality: str, encoded: Encoded, nearest: Nearest, gradients: CodeGradients) -> Quantized:
        codes = self.lookup(modality, nearest.indices)
        own, full = gradients.own(modality, codes.own), gradients.full(modality, codes.full)
        distances = nearest.distances if self.wants_distances else None
        return Quantized(codes.indices, own, full, distances, encoded.mask)

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
        if self.starting:
            self.starting = int(self.started) < self.config.start_batches  # waits for a GPU, in the first updates only
        if self.starting:
            self._start(targets, assigned, ranks)
            return
        in_turn = self.config.books == "shared-in-turn"
        turns = [{m: target} for m, target in targets.items()] if in_turn else [targets]
        own = [each for together in turns for each in self._assigned(together, assigned)]
        total = sum_all(ranks, *own)
        for sums, counts in zip(total[::2], total[1::2], strict=True):
            self._move(sums, counts)
        self.codewords.copy_(self._centroids())
        self.updated = assigned, torch.cat(total[1::2], dim=1).sum(dim=1)  # rows are those of all books

    def _start(self, targets: Mapping[str, Tensor], assigned: Mapping[str, Quantized], ranks: Ranks) -> None:
        """Cluster the targets of one of the first batches; see ``kmeans``."""
        earlier = (self.started > 0).to(self.sums.dtype)
        self.sums.mul_(earlier)
        self.counts.mul_(earlier)
        self.started.add_(1)
        targets = {m: self._placed(target, target).to(self.sums.dtype) for m, target in targets.items()}
        own, of_all = (points_of(targets, assigned, len(self.owners) > 1, each) for each in (None, ranks))
        for book in dict.fromkeys(self.book[modality] for modality in targets):
            members = [modality for modality in targets if self.book[modality] == book]
            self._cluster(book, *(joined([each[m] for m in members]) for each in (own, of_all)), ranks)
        last = self.started == self.config.start_batches
        alone = last & (self.counts == 0)  # what no latent came to stays where it is, like a codeword of one latent
        self.sums.copy_(torch.where(alone[..., None], self.codewords, self.sums))
        self.counts.masked_fill_(alone, 1)
        batches = torch.where(last, self.config.start_batches, 1)
        self.sums.div_(batches)
        self.counts.div_(batches)

    def _cluster(self, book: int, own: Points, of_all: Points, ranks: Ranks) -> None:
        given = self.codewords[:, book], self.sums[:, book], self.counts[:, book]
        config, seeds = self.config, of_all.seeds(self.codewords[:, book])
        clustered = kmeans(own, seeds, *given, config.start_iterations, config.metric, self._placed, ranks)
        for kept, value in zip(given, clustered, strict=True):
            kept.copy_(value)

    def _placed(self, vectors: Tensor, otherwise: Tensor) -> Tensor:
        """Vectors (..., D) as they are or, by cosine, with the common length; ``otherwise`` for those without one."""
        if self.config.metric == "euclidean":
            return vectors
        length = vectors.norm(dim=-1, keepdim=True)
        return torch.where(length > SHORTEST, vectors / length * self.config.dim**0.5, otherwise)

    def _assigned(self, targets: Mapping[str, Tensor], assigned: Mapping[str, Quantized]) -> tuple[Tensor, Tensor]:
        """Sums (K, books, D) and counts (K, books) of this rank's targets, of some modalities."""
        codes = [assigned[modality] for modality in targets]
        rows = [each.indices.flatten() + self.book[m] * self.size for m, each in zip(targets, codes, strict=True)]
        real = torch.cat([_real_rows(*pair) for pair in zip(targets.values(), codes, strict=True)])
        books, places = len(self.owners), torch.cat(rows)  # one codebook after the other
        sums = self.sums.new_zeros(books * self.size, self.config.dim)
        counts = self.counts.new_zeros(books * self.size)
        sums.index_add_(0, places, self._placed(real, real).to(sums.dtype))
        counts.index_add_(0, places, _weights(codes, counts.dtype))
        return sums.unflatten(0, (books, -1)).transpose(0, 1), counts.unflatten(0, (books, -1)).T

    def _move(self, sums: Tensor, counts: Tensor) -> None:
        """Update moving sums and counts."""
        self.sums.lerp_(sums, 1 - self.config.decay)
        self.counts.lerp_(counts, 1 - self.config.decay)
        if self.config.counts == "smoothed":
            total = self.counts.sum(dim=0)
            self.counts.copy_((self.counts + EPSILON) / (total + self.size * EPSILON) * total)

    def _centroids(self) -> Tensor:
        """Moving sums over moving counts; a codebook that has never been assigned anything stays as it is."""
        total = self.counts.sum(dim=0)
        means = torch.where(total[:, None] > 0, self.sums / self._weights()[..., None], self.codewords)
        return self._placed(means, self.codewords)

    def _weights(self) -> Tensor:
        """The divisors (K, books) of the moving sums."""
        return self.counts if self.config.counts == "smoothed" else self.counts + EPSILON

    def replace(self, codebooks: Mapping[str, Tensor]) -> None:
        """Take over aligned codebooks; as released, sums stay, so that the next update starts from the centroids."""
        aligned = torch.stack([codebooks[modality] for modality in self.owners], dim=1)
        self.codewords.copy_(self._placed(aligned, self.codewords))
        if self.config.align_scope == "sums":
            sums = self.codewords * self._weights()[..., None]
            self.sums.copy_(torch.where(self.counts.sum(dim=0)[:, None] > 0, sums, self.sums))

    def reset(self, assigned: Mapping[str, Quantized], generator: torch.Generator, ranks: Ranks) -> None:
        """Replace rows that no modality has selected for long by noisy copies of rows in use, or halves of them."""
        updated, self.updated = self.updated, None
        if not self.config.reset_after or self.starting:
            return
        known = updated[1] if updated is not None and updated[0] is assigned else None
        uses = ranks.sum(self._uses(assigned)) if known is None else known
        self.idle.add_(1).masked_fill_(uses > 0, 0)
        dead = self.idle > self.config.reset_after
        active = (self.idle < self.config.active_within) & ~dead
        self.idle.masked_fill_(dead, 0)
        if waits(dead) or dead.any():
            self._revive(dead & active.any(), active, generator)

    def _uses(self, assigned: Mapping[str, Quantized]) -> Tensor:
        """How often each row (K,) is selected on this rank, by any modality."""
        codes = list(assigned.values())
        rows = torch.cat([each.indices.flatten() for each in codes])
        return torch.zeros_like(self.idle).index_add_(0, rows, _weights(codes, self.idle.dtype))

    def _revive(self, dead: Tensor, active: Tensor, generator: torch.Generator) -> None:
        """Draw for all rows and keep the draws of dead rows: the host need not wait to learn which rows are dead."""
        split = self.config.reset_by == "split"
        donors = self._split(dead, active) if split else draw_donors(active, generator)
        noise = self.config.reset_noise * draw_noise(self.codewords, generator)
        dead_entries = dead[:, None, None]
        copies = self._placed(self.codewords[donors] + noise, self.codewords)
        self.codewords.copy_(torch.where(dead_entries, copies, self.codewords))
        if split or self.config.reset_scope == "sums":
            sums = self.sums[donors] + noise * self.counts[donors, :, None]
            self.sums.copy_(torch.where(dead_entries, sums, self.sums))
            self.counts.copy_(torch.where(dead[:, None], self.counts[donors], self.counts))

    def _split(self, dead: Tensor, active: Tensor) -> Tensor:
        """Choose the rows (K,) that dead rows halve, and divide their moving sums and counts among them and copies."""
        donors, copies = most_used_donors(dead, active, self.counts.sum(dim=1))
        rows = (1 + copies).to(self.counts.dtype)[:, None]
        self.counts.div_(rows)
        self.sums.div_(rows[..., None])
        return donors


def help_against_collapse(config: Codebooks.Config, remedies: Mapping[str, str]) -> str:
    """Name the settings among ``remedies`` that are not on yet."""
    off = [f'{name} = "{value}"' for name, value in remedies.items() if getattr(config, name) != value]
    return f"what may help in [quantizer]: {', '.join(off) or 'a lower reset_after'}"


def waits(value: Tensor) -> bool:
    """Whether reading the value makes the host wait; on the CPU, reading is cheaper than drawing for all rows."""
    return value.device.type != "cpu"


def _real_rows(targets: Tensor, codes: Quantized) -> Tensor:
    """Targets (B, T, D) as (B*T, D), zero at steps that are not real."""
    rows = targets.flatten(0, 1)
    return rows if codes.mask is None else rows.masked_fill(~codes.mask.flatten()[:, None], 0)


def _weights(codes: Sequence[Quantized], dtype: torch.dtype) -> Tensor:
    """One for each real step of all modalities (N,), zero for the others."""
    if all(each.mask is None for each in codes):
        return torch.ones((), dtype=dtype, device=codes[0].indices.device).expand(sum(c.indices.numel() for c in codes))
    return torch.cat([each.real().flatten() for each in codes]).to(dtype)
