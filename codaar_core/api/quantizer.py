"""Quantizer: latents -> discrete codes, and the codebooks behind them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import torch
from torch import Tensor, nn

from codaar_core.api.component import Component
from codaar_core.api.deprecation import renamed, warn_renamed
from codaar_core.api.ranks import Ranks
from codaar_core.api.records import Encoded, Quantized, Space


@attrs.frozen
class QuantizerContext:
    """What is known when the quantizer is built: it comes right after the data and tells the encoders their width."""

    modalities: tuple[str, ...]


class Quantizer(Component, nn.Module):
    """One or several codebooks. Forward never changes state; the training loop calls the three changing methods.

    Attributes:
        gives_distances: Whether ``Quantized.distances`` can be had: no for quantizers that search no nearest codeword
            (finite scalar, residual). A recipe with a loss that needs them is refused then.
        wants_distances: Whether a loss of the model reads them; set when the model is assembled. Else they may be left
            out: they are (B, T, K).
    """

    kind: ClassVar[str] = "quantizer"
    gives_distances: bool = True
    wants_distances: bool = False
    codes = renamed("codes", "code_space")

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "codes" in vars(cls) and "code_space" not in vars(cls):
            warn_renamed(f"{cls.__name__}.codes", "code_space")
            cls.code_space = vars(cls)["codes"]

    @property
    @abstractmethod
    def latent(self) -> Space:
        """Space (D,) that every encoder must give."""

    @property
    @abstractmethod
    def code_space(self) -> Space:
        """Space (W,) of ``Quantized.full``."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of codewords K of one codebook."""

    @abstractmethod
    def quantize(self, encoded: Mapping[str, Encoded]) -> dict[str, Quantized]:
        """Assign each latent to its nearest codeword; any non-empty subset of the modalities; no state changes."""

    def decodable(self, quantized: Mapping[str, Quantized]) -> Mapping[str, Quantized]:
        """Give what the decoders read of a training step: each modality's own record, or one made of all of them."""
        return quantized

    @abstractmethod
    def lookup(self, modality: str, indices: Tensor) -> Quantized:
        """Give the codes of known indices (B, T): what ``quantize`` gives, without distances.

        No gradient goes to latents; it goes to codewords that are parameters. Equal indices of one modality have equal
        codes: heads may compute once what is the same for a code.
        """

    @abstractmethod
    def codebooks(self) -> dict[str, Tensor]:
        """The codewords (K, D) by modality; modalities that share a codebook give the same tensor."""

    def update(self, targets: Mapping[str, Tensor], assigned: Mapping[str, Quantized], ranks: Ranks) -> None:
        """Move codewords towards ``targets`` (B, T, D), summed under each modality's own indices.

        Called once a step, without gradient, summed over ranks. Steps masked in ``assigned`` count nothing.
        A quantizer trained by gradient leaves this empty.
        """

    def replace(self, codebooks: Mapping[str, Tensor]) -> None:
        """Take over the codebooks that the alignment steps adjusted."""

    def reset(self, assigned: Mapping[str, Quantized], generator: torch.Generator, ranks: Ranks) -> None:
        """Count use and revive dead codewords; ``generator`` is equal on all ranks."""
