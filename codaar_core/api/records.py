"""Records passed between components.

B clips, T time steps, D latent width, K codewords, W width of a full code, Q codes a step (``Quantizer.levels``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import attrs
import torch
from torch import Tensor

from codaar_core.api.ranks import Ranks, SingleProcess


@attrs.frozen
class Space:
    """Shape of one time step, and the number of time steps if it is fixed.

    Components learn the widths of their inputs from spaces, so that a recipe states each width once.

    Attributes:
        shape: Shape of one time step.
        length: Number of time steps; None if it varies.
    """

    shape: tuple[int, ...]
    length: int | None = None

    @property
    def width(self) -> int:
        """Size of the last axis."""
        return self.shape[-1]


class Features(NamedTuple):
    """Features of one modality of a batch, from the data source.

    Attributes:
        values: Features (B, T, *shape).
        mask: True where the time step is real, not padding (B, T); None if all are.
    """

    values: Tensor
    mask: Tensor | None = None


class Encoded(NamedTuple):
    """Output of an encoder for one modality.

    Attributes:
        semantic: Latents (B, T, D), the input of the quantizer.
        private: Private features (B, T, ...), P_m(x) of the paper; only the decoder of the same modality reads them.
        mask: True where the time step is real (B, T); None if all are.
        target: Target of the reconstruction (B, T, ...); None if it is the input.
    """

    semantic: Tensor
    private: Tensor | None = None
    mask: Tensor | None = None
    target: Tensor | None = None

    def real(self) -> Tensor:
        """Return the mask (B, T); all True if ``mask`` is None."""
        return _real(self.semantic, self.mask)

    def mean(self) -> Tensor:
        """Return the mean latent (B, D) of each clip over its real time steps; zero for a clip without any."""
        if self.mask is None:
            return self.semantic.mean(dim=1)
        real = self.mask.unsqueeze(-1)
        return self.semantic.masked_fill(~real, 0).sum(dim=1) / real.sum(dim=1).clamp_min(1)


class Quantized(NamedTuple):
    """Codes of one modality.

    If all modalities are present, ``own`` and ``full`` have a straight-through gradient to the latents. With several
    codes a step, a step has one codeword of each level, and its code is their sum; only ``indices`` has another shape.

    Attributes:
        indices: Index of the nearest codeword (B, T), int64; (B, T, Q) with several codes a step.
        own: That codeword in the modality's own codebook (B, T, D), or the sum of those of all levels.
        full: Codewords of all codebooks at that index (B, T, W), or their sum; the input of decoders and heads.
        distances: Squared Euclidean distances to all codewords (B, T, K), with gradient: to those of a level from the
            target of that level (``Quantizer.targets``). None if no loss needs them.
        mask: True where the time step is real (B, T); None if all are.
    """

    indices: Tensor
    own: Tensor
    full: Tensor
    distances: Tensor | None = None
    mask: Tensor | None = None

    def real(self) -> Tensor:
        """Return the mask (B, T); all True if ``mask`` is None."""
        return _real(self.indices, self.mask)

    @property
    def levels(self) -> int:
        """Number Q of codes a step."""
        return 1 if self.indices.dim() == 2 else self.indices.shape[2]

    def by_level(self) -> tuple[Tensor, ...]:
        """Return the indices (B, T) of each level."""
        return (self.indices,) if self.indices.dim() == 2 else self.indices.unbind(2)

    def real_codes(self) -> Tensor:
        """Return which indices are of real time steps, in the shape of ``indices``."""
        return self.real() if self.indices.dim() == 2 else self.real()[..., None].expand_as(self.indices)


def _real(steps: Tensor, mask: Tensor | None) -> Tensor:
    return steps.new_ones(steps.shape[:2], dtype=torch.bool) if mask is None else mask


@attrs.frozen
class StepView:
    """The records of one training step, for losses and hooks; they contain this rank's clips.

    Attributes:
        inputs: Features by modality.
        encoded: Latents by modality.
        quantized: Codes by modality.
        decoded: Reconstructions (B, T, *shape) by modality.
        epoch: Number of the epoch, from 0.
        step: Number of the step over the whole run, from 0.
        generator: CPU generator seeded by the run's seed and the step, for numbers that the host needs; has the same
            state on all ranks.
        ranks: The processes of the run.
        device_generator: Generator on the device of the features, for random tensors: they are drawn where they are
            used, without a copy that waits. On the CPU it is ``generator``. Has the same state on all ranks.
    """

    inputs: Mapping[str, Features]
    encoded: Mapping[str, Encoded]
    quantized: Mapping[str, Quantized]
    decoded: Mapping[str, Tensor]
    epoch: int
    step: int
    generator: torch.Generator
    ranks: Ranks = attrs.field(factory=SingleProcess)
    _device_generator: torch.Generator | None = None

    @property
    def device_generator(self) -> torch.Generator:
        """Return the generator on the device of the features."""
        return self.generator if self._device_generator is None else self._device_generator
