"""The records that contracts exchange. B clips, T time steps, D latent width, K codewords, W width of a full code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import attrs
import torch
from torch import Tensor

from codaar_core.api.ranks import Ranks, SingleProcess


@attrs.frozen
class Space:
    """Shape of one time step, and the number of steps where it is fixed.

    Widths travel through the model as spaces, so that no recipe types one twice.
    """

    shape: tuple[int, ...]
    length: int | None = None

    @property
    def width(self) -> int:
        """Size of the last axis."""
        return self.shape[-1]


class Features(NamedTuple):
    """One modality of one batch, as the data source gives it."""

    values: Tensor  # (B, T, *shape)
    mask: Tensor | None = None  # (B, T), True where the step is real; None: all are


class Encoded(NamedTuple):
    """What an encoder makes of one modality."""

    semantic: Tensor  # (B, T, D): goes to the quantizer
    private: Tensor | None = None  # (B, T, ...): P_m(x) of the paper; only the own decoder reads it
    mask: Tensor | None = None  # (B, T)
    target: Tensor | None = None  # (B, T, ...): what to reconstruct where that is not the input itself

    def real(self) -> Tensor:
        """Which steps (B, T) are real."""
        return _real(self.semantic, self.mask)

    def mean(self) -> Tensor:
        """The mean latent (B, D) of each clip over its real steps; zero for a clip without any."""
        if self.mask is None:
            return self.semantic.mean(dim=1)
        real = self.mask.unsqueeze(-1)
        return self.semantic.masked_fill(~real, 0).sum(dim=1) / real.sum(dim=1).clamp_min(1)


class Quantized(NamedTuple):
    """The codes of one modality. ``own`` and ``full`` are straight-through while all modalities are present."""

    indices: Tensor  # (B, T) int64: the nearest codeword
    own: Tensor  # (B, T, D): that codeword in the modality's own codebook
    full: Tensor  # (B, T, W): the codewords of all codebooks at that index; what decoders and heads read
    distances: Tensor | None = None  # (B, T, K) squared Euclidean, with gradient; None where no loss needs them
    mask: Tensor | None = None  # (B, T)

    def real(self) -> Tensor:
        """Which steps (B, T) are real."""
        return _real(self.indices, self.mask)


def _real(steps: Tensor, mask: Tensor | None) -> Tensor:
    return steps.new_ones(steps.shape[:2], dtype=torch.bool) if mask is None else mask


@attrs.frozen
class StepView:
    """Everything that one training step has produced so far; losses and hooks read it."""

    inputs: Mapping[str, Features]
    encoded: Mapping[str, Encoded]
    quantized: Mapping[str, Quantized]
    decoded: Mapping[str, Tensor]  # (B, T, *shape) by modality
    epoch: int
    step: int
    generator: torch.Generator  # on the CPU; follows from seed and step, equal on all ranks
    ranks: Ranks = attrs.field(factory=SingleProcess)  # the records above hold this rank's clips
