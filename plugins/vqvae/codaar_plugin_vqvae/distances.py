"""Distances of latents to codewords, squared Euclidean or by direction."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from codaar_core.api import Encoded

Metric = Literal["euclidean", "cosine"]


def distances_to(codewords: Tensor, encoded: Encoded, metric: Metric) -> Tensor:
    """Distances (B, T, K) of latents (B, T, D) to codewords (K, D), with gradient to both.

    Those by cosine are the squared Euclidean distances between unit vectors, 2 - 2 cos.
    """
    if metric == "cosine":
        encoded = encoded._replace(semantic=F.normalize(encoded.semantic.to(codewords.dtype), dim=-1))
        codewords = F.normalize(codewords, dim=-1)
    return squared_distances(encoded, codewords)


def squared_distances(encoded: Encoded, codewords: Tensor) -> Tensor:
    """Squared Euclidean distances (B, T, K) of latents to codewords (K, D), with gradient to both.

    Each distance depends on its own latent and the codebook only: other clips of the batch, e.g. with NaN, do not
    change it. Where latents and their codewords are close together far from the origin, products of large numbers
    cancel the differences, so products are computed in float64. The result has the type of the codewords.
    """
    wide = widest_float(codewords.device)
    with torch.autocast(codewords.device.type, enabled=False):
        points, book = encoded.semantic.to(wide).flatten(0, 1), codewords.to(wide)
        if wide != torch.float64:  # centring loses less there; with float64, codewords far away would make it lose more
            centre = book.detach().mean(dim=0)
            points, book = points - centre, book - centre
        norms = points.square().sum(dim=-1, keepdim=True) + book.square().sum(dim=-1)
        distances = torch.addmm(norms, points, book.T, alpha=-2).clamp_min(0)
    return distances.to(codewords.dtype).unflatten(0, encoded.semantic.shape[:2])


def widest_float(device: torch.device) -> torch.dtype:
    """Widest floating-point type of a device: Apple GPUs have no float64."""
    return torch.float32 if device.type == "mps" else torch.float64
