"""Quantizer: turns latents into discrete codes, and owns the codebooks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import torch
from torch import Tensor, nn

from codaar_core.api.component import Component
from codaar_core.api.deprecation import adopt_former_name, renamed
from codaar_core.api.ranks import Ranks
from codaar_core.api.records import Encoded, Quantized, Space


@attrs.frozen
class QuantizerContext:
    """Passed to the quantizer when it is built, before the encoders: it defines the width of their latents.

    Attributes:
        modalities: Names of the model's modalities, in order.
    """

    modalities: tuple[str, ...]


class Quantizer(Component, nn.Module):
    """Contains one or several codebooks. Only ``update``, ``replace`` and ``reset`` change state.

    A quantizer may give a time step several codes, e.g. each level of a residual quantizer one. The K codewords of a
    codebook are then numbered through all levels: level q, from 0, has the rows from q K / Q up to (q + 1) K / Q, and
    an index names a row of ``codebooks()`` whatever its level is.

    Attributes:
        levels: Number Q of codes of a time step; K is divisible by it.
        gives_distances: Whether ``quantize`` can compute ``Quantized.distances``. False for quantizers without a
            nearest-codeword search (finite scalar); recipes with a loss that needs distances are refused.
        wants_distances: Whether a loss of the model reads distances; set when the model is assembled. If False, they
            may be omitted to save (B, T, K) values.
    """

    kind: ClassVar[str] = "quantizer"
    levels: int = 1
    gives_distances: bool = True
    wants_distances: bool = False
    codes = renamed("codes", "code_space")

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        adopt_former_name(cls, "codes", "code_space")

    @property
    @abstractmethod
    def latent(self) -> Space:
        """Space (D,) of the latents of every encoder."""

    @property
    @abstractmethod
    def code_space(self) -> Space:
        """Space (W,) of ``Quantized.full``."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of codewords K of one codebook, of all levels together."""

    @property
    def level_size(self) -> int:
        """Number K / Q of codewords of one codebook in each level."""
        return self.size // self.levels

    @property
    def index_shape(self) -> tuple[int, ...]:
        """Shape of the indices of a time step: () with one code a step, else (Q,)."""
        return () if self.levels == 1 else (self.levels,)

    @property
    def collapse_help(self) -> str:
        """Name the settings that help where few codewords are used, for a warning; empty: none is known."""
        return ""

    @abstractmethod
    def quantize(self, encoded: Mapping[str, Encoded]) -> dict[str, Quantized]:
        """Assign each latent to a codeword, for any non-empty subset of the modalities; must not change state."""

    def decodable(self, quantized: Mapping[str, Quantized]) -> Mapping[str, Quantized]:
        """Return the codes that decoders read: by default each modality's own; may combine those of all modalities."""
        return quantized

    def decoder_codes(
        self, encoded: Mapping[str, Encoded], quantized: Mapping[str, Quantized]
    ) -> Mapping[str, Quantized]:
        """Return the codes that decoders read: ``decodable(quantized)``; override it where decoders read latents."""
        return self.decodable(quantized)

    @abstractmethod
    def lookup(self, modality: str, indices: Tensor) -> Quantized:
        """Return the codes of given indices (B, T) or (B, T, Q), as ``quantize`` does, without distances.

        The result has no gradient to latents, but to codewords that are parameters. Equal indices of one modality must
        have equal codes, so that heads may compute a value once per code. Masked steps may have index 0 in every level.
        """

    @abstractmethod
    def codebooks(self) -> dict[str, Tensor]:
        """Return the codewords (K, D) by modality; modalities that share a codebook have the same tensor."""

    def targets(self, encoded: Mapping[str, Encoded], assigned: Mapping[str, Quantized]) -> dict[str, Tensor]:
        """Return what codewords are moved towards, before alignment steps mix it: by default the latents.

        Called once per training step, without gradient.

        Args:
            encoded: Latents of this rank, by modality.
            assigned: Their codes.

        Returns:
            Targets (B, T, D) by modality; with several codes a step (B, T, Q, D): of each level what it quantized, e.g.
            the rest that lower levels left.
        """
        return {modality: item.semantic.detach() for modality, item in encoded.items()}

    def update(self, targets: Mapping[str, Tensor], assigned: Mapping[str, Quantized], ranks: Ranks) -> None:
        """Move codewords towards the targets assigned to them.

        Called once per training step, without gradient. Quantizers trained by gradient need not override it.

        Args:
            targets: What ``targets`` returned for this rank, by modality, after the alignment steps.
            assigned: Codes of this rank, by modality; time steps that are masked there must be ignored.
            ranks: Sums statistics over all ranks.
        """

    def replace(self, codebooks: Mapping[str, Tensor]) -> None:
        """Set the codebooks (K, D) to those adjusted by the alignment steps."""

    def reset(self, assigned: Mapping[str, Quantized], generator: torch.Generator, ranks: Ranks) -> None:
        """Count the use of codewords and reset dead ones.

        Args:
            assigned: Codes of this rank's clips, by modality.
            generator: Generator on the device of the codewords; has the same state on all ranks. Pass
                ``device=generator.device`` to functions that draw.
            ranks: The ranks over which uses are summed.
        """
