"""Which rows take the place of dead rows of codebooks: random rows in use, or halves of the most used ones."""

from __future__ import annotations

import torch
from torch import Tensor

from codaar_plugin_vqvae.distances import widest_float


def draw_donors(active: Tensor, generator: torch.Generator) -> Tensor:
    """Choose an active row for each row (K,); the generator is that of the device, or else the host waits."""
    in_use_first = active.to(torch.uint8).argsort(descending=True, stable=True)
    wide = widest_float(generator.device)
    shares = torch.rand(len(active), generator=generator, device=generator.device, dtype=wide)
    parts = (shares * 2**32).long().to(active.device)
    return in_use_first[parts * active.sum() >> 32]


def draw_noise(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal noise with the shape, precision and device of ``like``."""
    return torch.randn(like.shape, generator=generator, device=generator.device, dtype=like.dtype).to(like.device)


def most_used_donors(dead: Tensor, active: Tensor, use: Tensor) -> tuple[Tensor, Tensor]:
    """Choose the most used active row for the first dead row, the second most used for the next, and so on.

    With more dead than active rows, it begins again at the most used one.

    Args:
        dead: Which rows (K,) are replaced.
        active: Which rows (K,) may be copied; at least one where a row is dead.
        use: How much each row (K,) is used, at least 0.

    Returns:
        The row that each row (K,) copies if it is dead, and how many copies are made of each row (K,).
    """
    most_used_first = use.masked_fill(~active, -1).argsort(descending=True, stable=True)
    number = (dead.long().cumsum(0) - 1).clamp_min(0) % active.sum().clamp_min(1)
    donors = most_used_first[number]
    return donors, torch.zeros_like(donors).index_add_(0, donors, dead.long())
