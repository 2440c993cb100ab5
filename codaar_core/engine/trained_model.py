"""TrainedModel: encodes features, looks up codewords and decodes codes with a frozen model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from codaar_core.api import CodaarError, Encoded, Features, Quantized
from codaar_core.engine.assembly.input_checks import checked_features
from codaar_core.engine.assembly.model import Model
from codaar_core.engine.results.notebook import html_table


class TrainedModel:
    """Encodes features into aligned discrete codes, and turns codes into vectors and features.

    Attributes:
        model: The assembled model, frozen, in evaluation mode.
    """

    def __init__(self, model: Model) -> None:
        self.model = model.eval().requires_grad_(False)

    @property
    def device(self) -> torch.device:
        """Device of the model; features may be on any device, codes are on this one."""
        return next(iter(self.model.state_dict().values())).device

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the model; features are cast to it."""
        return next(each.dtype for each in self.model.state_dict().values() if each.is_floating_point())

    def _repr_html_(self) -> str:
        """A table for notebooks: what the model takes, by modality."""
        rows = [
            (modality, " x ".join(map(str, space.shape)), str(space.length or "any"))
            for modality, space in self.model.spaces.items()
        ]
        quantizer, count = self.model.quantizer, sum(each.numel() for each in self.model.parameters())
        notes = (
            f"{quantizer.size:,} codewords of {quantizer.latent.width:,} values in each codebook"
            + (f", {quantizer.levels} of them in a code" if quantizer.levels > 1 else ""),
            f"{count:,} trained values, {str(self.dtype).removeprefix('torch.')}, on {self.device}",
        )
        return html_table("Trained model", ("modality", "features of a time step", "time steps"), rows, notes)

    @torch.no_grad()
    def encode(self, features: Mapping[str, Any]) -> dict[str, Quantized]:
        """Encode features into codes; each modality is encoded independently of the others, and so is each clip.

        Args:
            features: Features (B, T, *shape), as tensors or arrays of any floating-point type, of any non-empty subset
                of the modalities; pass ``Features`` for a mask.

        Returns:
            The codes by modality.

        Raises:
            CodaarError: No features are given, the model lacks a modality, features have another shape than in
                pretraining, or NaN or infinite values at real steps.
        """
        checked = self._checked(features)
        encoded = {m: self.model.encoder(m).semantic_only(each) for m, each in checked.items()}
        return {m: self.model.quantizer.quantize({m: item})[m] for m, item in encoded.items()}

    @torch.no_grad()
    def lookup(self, modality: str, indices: Tensor, full: bool = False) -> Tensor:
        """Return the codewords of indices.

        Args:
            modality: The modality whose codebook is read.
            indices: Integer tensor of any shape (...); (..., Q) of a model with several codes a step.
            full: Return ``Quantized.full``, the codewords of all codebooks at the index, which decoders and heads read.

        Returns:
            Vectors (..., D), or (..., W) if ``full``.

        Raises:
            CodaarError: The model lacks the modality, an index is not a whole number from 0 to K - 1, or the last axis
                is not that of the codes of a step.
        """
        self._refuse_unknown([modality])
        indices = torch.as_tensor(indices, device=self.device)
        self._refuse_no_index(modality, indices)
        of_step = self.model.quantizer.index_shape
        steps = indices.shape[: indices.dim() - len(of_step)]
        if indices.shape[len(steps) :] != of_step:
            raise CodaarError(
                f"{modality}: the last axis of indices should have {of_step[0]} values, indices are "
                f"{tuple(indices.shape)}",
                "give the indices of all levels of a time step",
            )
        codes = self.model.quantizer.lookup(modality, indices.long().reshape(1, -1, *of_step))
        return (codes.full if full else codes.own)[0].reshape(*steps, -1)

    @torch.no_grad()
    def decode(
        self, features: Mapping[str, Any], indices: Mapping[str, Tensor] = MappingProxyType({})
    ) -> dict[str, Tensor]:
        """Reconstruct features from their codes; decoders also read the private features of the encoders.

        Args:
            features: As for ``encode``.
            indices: Code indices (B, T), or (B, T, Q) with several codes a step, by modality, in place of those of the
                features, e.g. those of another modality.

        Returns:
            Reconstructions by modality, of the given modalities that have a decoder: (B, T, *shape), or in the shape of
            ``Encoded.target`` where the encoder has one.

        Raises:
            CodaarError: As for ``encode``; or the quantizer needs all modalities to decode one; or indices are wrong.
        """
        encoded = self._encoded(features)
        codes = {m: self._codes(m, item, indices.get(m)) for m, item in encoded.items()}
        try:
            read = self.model.quantizer.decoder_codes(encoded, codes)
        except KeyError as error:
            raise CodaarError(
                f"this model decodes all modalities together; there are no features of {error}",
                f"give features of: {', '.join(self.model.modalities)}",
            ) from error
        return {m: self.model.decoders[m](encoded[m], read[m]) for m in encoded if m in self.model.decoders}

    def _codes(self, modality: str, encoded: Encoded, indices: Tensor | None) -> Quantized:
        """Codes of given indices, or of the latents."""
        if indices is None:
            return self.model.quantizer.quantize({modality: encoded})[modality]
        indices = torch.as_tensor(indices, device=self.device)
        self._refuse_no_index(modality, indices)
        expected = (*encoded.semantic.shape[:2], *self.model.quantizer.index_shape)
        if indices.shape != expected:
            raise CodaarError(
                f"{modality}: indices should be {expected}, they are {tuple(indices.shape)}",
                "give one index for each clip and time step, or one of each level",
            )
        return self.model.quantizer.lookup(modality, indices.long())._replace(mask=encoded.mask)

    def _encoded(self, features: Mapping[str, Any]) -> dict[str, Encoded]:
        """Latents and private features of checked features, by modality."""
        return self.model.encode(self._checked(features))

    def _checked(self, features: Mapping[str, Any]) -> dict[str, Features]:
        """Features as the model reads them, by modality."""
        if not features:
            raise CodaarError("no features given", f"the modalities are {', '.join(self.model.modalities)}")
        self._refuse_unknown(features)
        return {m: checked_features(self.model, m, each, self.device, self.dtype) for m, each in features.items()}

    def _refuse_unknown(self, modalities: Iterable[str]) -> None:
        unknown = sorted(set(modalities) - set(self.model.modalities))
        if unknown:
            known = ", ".join(self.model.modalities)
            raise CodaarError(f"no modality {unknown[0]!r} in this model", f"its modalities are {known}")

    def _refuse_no_index(self, modality: str, indices: Tensor) -> None:
        size = self.model.quantizer.size
        whole = not (indices.is_floating_point() or indices.is_complex() or indices.dtype == torch.bool)
        if not whole or (indices.numel() and not 0 <= int(indices.min()) <= int(indices.max()) < size):
            raise CodaarError(
                f"{modality}: indices should be whole numbers from 0 to {size - 1:,}",
                "take `indices` of codes of this model",
            )
