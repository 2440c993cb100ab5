"""K-means over the latents of a batch and the sums of earlier batches, without waiting for the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs
import torch
from torch import Tensor

from codaar_core.api import Quantized, Ranks, gather_clips, sum_all
from codaar_plugin_vqvae.distances import Metric, distances_to

SEED, SPARE, UNREAL = 0, 1, 2  # rank of a latent as a seed: taken first, taken if there is no first, never


@attrs.frozen
class Points:
    """Latents of one codebook, of this rank or of all.

    Attributes:
        values: Latents (N, D), zero where they are not real.
        rank: SEED, SPARE or UNREAL for each of them (N,).
    """

    values: Tensor
    rank: Tensor

    @property
    def real(self) -> Tensor:
        """Which latents (N,) are real."""
        return self.rank < UNREAL

    def seeds(self, rows: Tensor) -> Tensor:
        """Give each row (K, D) a latent, evenly spaced over the batch; without real latents, the row itself."""
        first, real = (self.rank == SEED).sum(), self.real.sum()
        count = torch.where(first > 0, first, real)
        places = torch.arange(len(rows), device=rows.device) * count // len(rows)
        chosen = self.values[self.rank.argsort(stable=True)[places]]
        return torch.where(count > 0, chosen, rows)


def points_of(
    targets: Mapping[str, Tensor], assigned: Mapping[str, Quantized], apart: bool, ranks: Ranks | None = None
) -> dict[str, Points]:
    """Give the latents (B, T, D) of a batch as points by modality.

    Args:
        targets: Latents of this rank.
        assigned: Codes of this rank, which say which steps are real.
        apart: Whether each modality has a codebook of its own. Then seeds are steps that are real in all modalities,
            so that a row begins with what one clip has at one step in all of them.
        ranks: The processes whose latents are gathered, equal on each of them; None: only those of this rank.
    """
    values, real = list(targets.values()), [assigned[modality].real() for modality in targets]
    if ranks is not None:
        found = gather_clips(ranks, *values, *(each.to(values[0].dtype) for each in real))
        values, real = found[: len(targets)], [each > 0 for each in found[len(targets) :]]
    length = min(each.shape[1] for each in real)
    paired = torch.stack([each[:, :length] for each in real]).all(dim=0)
    points = []
    for latents, own in zip(values, real, strict=True):
        first = torch.zeros_like(own)
        first[:, :length] = paired
        rank = torch.where(own, torch.where(first, SEED, SPARE) if apart else SEED, UNREAL)
        points.append(Points(latents.flatten(0, 1).masked_fill(~own.flatten()[:, None], 0), rank.flatten()))
    return dict(zip(targets, points, strict=True))


def joined(points: Sequence[Points]) -> Points:
    """Join the latents of modalities that share a codebook."""
    return Points(torch.cat([each.values for each in points]), torch.cat([each.rank for each in points]))


def kmeans(
    points: Points,
    seeds: Tensor,
    rows: Tensor,
    sums: Tensor,
    counts: Tensor,
    iterations: int,
    metric: Metric,
    placed: Callable[[Tensor, Tensor], Tensor],
    ranks: Ranks,
) -> tuple[Tensor, Tensor, Tensor]:
    """Cluster the latents of a batch together with the sums of earlier ones (Lloyd's algorithm).

    Each rank assigns its own latents, and their sums are added up, so that all ranks get the same numbers.

    Args:
        points: The latents of this rank's part of the batch.
        seeds: With what rows (K, D) begin that have had no latent so far.
        rows: Present codewords (K, D).
        sums: Sums (K, D) of the latents of earlier batches.
        counts: Their counts (K,).
        iterations: Number of assignments.
        metric: What is nearest.
        placed: Takes means and present codewords (K, D), and gives new codewords.
        ranks: The ranks that share the batch.

    Returns:
        Codewords, sums and counts with this batch.
    """
    begun = (counts > 0)[:, None]
    rows = placed(torch.where(begun, sums / counts.clamp_min(1)[:, None], seeds), rows)
    latents, real = points.values[None], points.real.to(counts.dtype)
    for _ in range(iterations):
        nearest = distances_to(rows, latents, metric)[0].argmin(dim=-1)
        own = torch.zeros_like(sums).index_add_(0, nearest, points.values)
        own_sums, own_counts = sum_all(ranks, own, torch.zeros_like(counts).index_add_(0, nearest, real))
        all_sums, all_counts = sums + own_sums, counts + own_counts
        used = (all_counts > 0)[:, None]
        rows = placed(torch.where(used, all_sums / all_counts.clamp_min(1)[:, None], rows), rows)
    return rows, all_sums, all_counts
