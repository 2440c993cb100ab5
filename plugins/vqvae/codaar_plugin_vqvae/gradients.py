"""How the gradient of a code reaches the latents: straight through, or rotated and rescaled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from codaar_core.api import Encoded

Gradient = Literal["straight-through", "rotation"]
GRADIENT = (
    "how the gradient of a code reaches its latent: straight-through: unchanged; rotation: rotated and rescaled as the "
    "latent is to become the code (arXiv 2410.06424)"
)


def code_gradients(way: Gradient, encoded: Mapping[str, Encoded], row: Sequence[str] = ()) -> CodeGradients:
    """Prepare the gradients from codes to latents.

    Args:
        way: Straight-through or rotation.
        encoded: Latents by modality.
        row: The modalities whose codewords are the parts of a whole row; none: a row is the modality's own codeword.
    """
    return (RotatedGradients if way == "rotation" else CodeGradients)(encoded, row)


class CodeGradients:
    """Straight-through: codes keep their values, and pass their gradient unchanged to the latents at real steps.

    A whole row passes it to the latents of all modalities at the same clip and step, each its own part; where one is
    absent or longer than another, to none.
    """

    def __init__(self, encoded: Mapping[str, Encoded], row: Sequence[str]) -> None:
        self.latents = {modality: real_latents(item) for modality, item in encoded.items()}
        self.shared = not row
        together = self.latents.keys() == set(row) and len({each.shape for each in self.latents.values()}) == 1
        self.row = torch.cat([self.latents[modality] for modality in row], dim=-1) if together else None

    def own(self, modality: str, code: Tensor) -> Tensor:
        """Give the codewords (B, T, D) of a modality with gradient to its own latents."""
        return self._joined(code, self.latents[modality], 1)

    def full(self, modality: str, code: Tensor) -> Tensor:
        """Give the whole rows (B, T, W) that a modality has selected, with gradient."""
        if self.shared:
            return self.own(modality, code)
        if self.row is None:
            return code + code.new_zeros(())  # a new tensor, without gradient
        return self._joined(code, self.row, len(self.latents))

    def _joined(self, code: Tensor, latents: Tensor, parts: int) -> Tensor:
        return _StraightThrough.apply(code, latents)


class RotatedGradients(CodeGradients):
    """The rotation trick (Fifty et al., arXiv 2410.06424): codes keep their values.

    For each latent z and code q, the gradient goes through q = s R z, where R rotates z to the direction of q within
    their plane, and s = |q| / |z|; both count as constants. Each part of a row has the rotation of its own modality.
    """

    def _joined(self, code: Tensor, latents: Tensor, parts: int) -> Tensor:
        rotated = rotate(latents.unflatten(-1, (parts, -1)), code.unflatten(-1, (parts, -1))).flatten(-2)
        return code + (rotated - rotated.detach())


class _StraightThrough(torch.autograd.Function):
    """A code whose gradient is also that of the latents: no operation forwards, and no copy of either."""

    @staticmethod
    def forward(context: Any, code: Tensor, latents: Tensor) -> Tensor:
        return code.view_as(code)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return gradient, gradient


def real_latents(encoded: Encoded) -> Tensor:
    """Latents (B, T, D), zero at steps that are not real: these have no gradient, and NaN there spoils no product."""
    return encoded.semantic if encoded.mask is None else encoded.semantic.masked_fill(~encoded.mask[..., None], 0)


def rotate(latents: Tensor, codes: Tensor) -> Tensor:
    """Rotate latents (..., D) to the direction of codes (..., D) and give them their length: arXiv 2410.06424, Eq. 3.

    The result equals the codes up to rounding. Its gradient reaches the latents only, through a rotation and a factor
    that count as constants. A latent of zero has no direction; it stays, with an unchanged gradient.
    """
    source, target = latents.detach().to(codes.dtype), codes.detach()
    length = source.norm(dim=-1, keepdim=True)
    before, after = F.normalize(source, dim=-1), F.normalize(target, dim=-1)
    between = F.normalize(before + after, dim=-1)
    scale = (target.norm(dim=-1, keepdim=True) / length).masked_fill(length == 0, 1)
    rotated = scale * (latents - 2 * _along(latents, between) + 2 * _along(latents, before, after))
    return torch.where(length > 0, rotated, latents)


def _along(vectors: Tensor, unit: Tensor, onto: Tensor | None = None) -> Tensor:
    """The component of vectors along a unit vector, put onto another one or itself."""
    return (vectors * unit).sum(dim=-1, keepdim=True) * (unit if onto is None else onto)
