"""Distances of latents to codewords, squared Euclidean or by direction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

Metric = Literal["euclidean", "cosine"]


class Nearest(NamedTuple):
    """Distances (B, T, K) of latents to codewords, with gradient, and which codeword (B, T) is nearest."""

    distances: Tensor
    indices: Tensor


def nearest(codebooks: Mapping[str, Tensor], latents: Mapping[str, Tensor], metric: Metric) -> dict[str, Nearest]:
    """Find the nearest codewords of each modality; those with equally many steps in one computation.

    Args:
        codebooks: Codewords (K, D) by modality.
        latents: Latents (B, T, D) by modality, of some of them.
        metric: What is nearest.
    """
    found = {}
    for shape in dict.fromkeys(each.shape for each in latents.values()):
        together = [modality for modality, each in latents.items() if each.shape == shape]
        books, points = (torch.stack([of[modality] for modality in together]) for of in (codebooks, latents))
        distances = distances_to(books, points, metric)
        pairs = zip(distances.unbind(), distances.detach().argmin(dim=-1).unbind(), strict=True)
        found |= {modality: Nearest(*pair) for modality, pair in zip(together, pairs, strict=True)}
    return found


def distances_to(codewords: Tensor, latents: Tensor, metric: Metric) -> Tensor:
    """Distances of latents to codewords, with gradient to both; shapes are those of ``squared_distances``.

    Those by cosine are the squared Euclidean distances between unit vectors, 2 - 2 cos.
    """
    if metric == "cosine":
        latents, codewords = F.normalize(latents.to(codewords.dtype), dim=-1), F.normalize(codewords, dim=-1)
    return squared_distances(codewords, latents)


def squared_distances(codewords: Tensor, latents: Tensor) -> Tensor:
    """Squared Euclidean distances of latents to codewords, with gradient to both.

    Each distance depends on its own latent and the codebook only: other clips of the batch, e.g. with NaN, do not
    change it. Where latents and their codewords are close together far from the origin, products of large numbers
    cancel the differences, so products are computed in float64.

    Args:
        codewords: A codebook (K, D), or one for each of several modalities (M, K, D).
        latents: (B, T, D), or those of each modality (M, B, T, D).

    Returns:
        (B, T, K) or (M, B, T, K), in the type of the codewords.
    """
    wide = widest_float(codewords.device)
    with torch.autocast(codewords.device.type, enabled=False):
        points, book = latents.to(wide).flatten(-3, -2), codewords.to(wide)
        if wide != torch.float64:  # centring loses less there; with float64, codewords far away would make it lose more
            centre = book.detach().mean(dim=-2, keepdim=True)
            points, book = points - centre, book - centre
        norms = points.square().sum(dim=-1, keepdim=True) + book.square().sum(dim=-1).unsqueeze(-2)
        multiply = torch.addmm if book.dim() == 2 else torch.baddbmm
        distances = multiply(norms, points, book.mT, alpha=-2)
    # Rounding makes some negative. Narrowed first, and by relu instead of clamp, they keep a third of the memory.
    return distances.to(codewords.dtype).relu().unflatten(-2, latents.shape[-3:-1])


def widest_float(device: torch.device) -> torch.dtype:
    """Widest floating-point type of a device: Apple GPUs have no float64."""
    return torch.float32 if device.type == "mps" else torch.float64
