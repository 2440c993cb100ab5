"""Trained models outside a run: opening run directories, and making one from weights trained elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import torch
from torch import Tensor

from codaar_core.api import CodaarError, Encoded, Quantized
from codaar_core.engine.assembly.build import build_data, build_model
from codaar_core.engine.assembly.input_checks import checked_features
from codaar_core.engine.assembly.model import Model
from codaar_core.engine.devices.runtime import choose_device
from codaar_core.engine.record.checkpoint import (
    best_checkpoint,
    load_model,
    load_weights,
    newest_checkpoint,
    save_checkpoint,
)
from codaar_core.engine.record.checkpoint_state import CheckpointState, verify
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.recipe import Plan, load

Device = Literal["auto", "cpu", "cuda", "mps"]


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
        encoded = self._encoded(features)
        return {m: self.model.quantizer.quantize({m: item})[m] for m, item in encoded.items()}

    @torch.no_grad()
    def lookup(self, modality: str, indices: Tensor, full: bool = False) -> Tensor:
        """Return the codewords of indices.

        Args:
            modality: The modality whose codebook is read.
            indices: Integer tensor of any shape (...).
            full: Return ``Quantized.full``, the codewords of all codebooks at the index, which decoders and heads read.

        Returns:
            Vectors (..., D), or (..., W) if ``full``.

        Raises:
            CodaarError: The model lacks the modality, or an index is not a whole number from 0 to K - 1.
        """
        self._refuse_unknown([modality])
        indices = torch.as_tensor(indices, device=self.device)
        self._refuse_no_index(modality, indices)
        codes = self.model.quantizer.lookup(modality, indices.long().reshape(1, -1))
        return (codes.full if full else codes.own)[0].reshape(*indices.shape, -1)

    @torch.no_grad()
    def decode(
        self, features: Mapping[str, Any], indices: Mapping[str, Tensor] = MappingProxyType({})
    ) -> dict[str, Tensor]:
        """Reconstruct features from their codes; decoders also read the private features of the encoders.

        Args:
            features: As for ``encode``.
            indices: Code indices (B, T) by modality, in place of those of the features, e.g. those of another modality.

        Returns:
            Reconstructions by modality, of the given modalities that have a decoder: (B, T, *shape), or in the shape of
            ``Encoded.target`` where the encoder has one.

        Raises:
            CodaarError: As for ``encode``; or the quantizer needs all modalities to decode one; or indices are wrong.
        """
        encoded = self._encoded(features)
        codes = {m: self._codes(m, item, indices.get(m)) for m, item in encoded.items()}
        try:
            read = self.model.quantizer.decodable(codes)
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
        if indices.shape != encoded.semantic.shape[:2]:
            raise CodaarError(
                f"{modality}: indices should be {tuple(encoded.semantic.shape[:2])}, they are {tuple(indices.shape)}",
                "give one index for each clip and time step",
            )
        return self.model.quantizer.lookup(modality, indices.long())._replace(mask=encoded.mask)

    def _encoded(self, features: Mapping[str, Any]) -> dict[str, Encoded]:
        """Latents of checked features, by modality."""
        if not features:
            raise CodaarError("no features given", f"the modalities are {', '.join(self.model.modalities)}")
        self._refuse_unknown(features)
        checked = {m: checked_features(self.model, m, each, self.device, self.dtype) for m, each in features.items()}
        return self.model.encode(checked)

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


def open_model(run_directory: Path | str, best: bool = False, device: Device = "cpu") -> TrainedModel:
    """Load the model of a run from its newest checkpoint.

    Args:
        run_directory: The run directory.
        best: Load the checkpoint with the lowest metric ``run.best`` instead.
        device: Device of the model; "auto" selects a GPU if there is one.

    Raises:
        CodaarError: The run directory or checkpoint does not exist, a file of the checkpoint is damaged, a plug-in
            of the run is not installed, or this machine has no such device.
    """
    plan, checkpoint = read_run(run_directory, best)
    model = build_untrained(plan)
    load_model(checkpoint, model)
    return TrainedModel(model.to(choose_device(device, "device")))


def read_run(run_directory: Path | str, best: bool = False, overrides: Sequence[str] = ()) -> tuple[Plan, Path]:
    """Return the plan of a run with overrides, and its newest or best checkpoint, whose checksums are compared.

    Raises:
        CodaarError: As for ``open_model``.
    """
    directory = RunDirectory(Path(run_directory))
    directory.status()
    plan = load(directory.path / "resolved.toml", overrides)
    checkpoint = _best(directory) if best else newest_checkpoint(directory.checkpoints)
    verify(checkpoint)
    return plan, checkpoint


def _best(directory: RunDirectory) -> Path:
    found = best_checkpoint(directory.checkpoints)
    if found is None:
        raise CodaarError(
            f"{directory.path} has no best checkpoint", 'set run.best before the run, e.g. run.best = "total"'
        )
    return found


def adopt_model(
    run_directory: Path | str,
    recipe: Path | str,
    overrides: Sequence[str],
    weights: Mapping[str, Tensor],
    origin: str,
    **details: Any,
) -> Path:
    """Make a run directory from weights trained elsewhere, for ``open_model`` and ``run(resume=...)``.

    Its recipe has ``run.epochs = 0``, so that a resumed run only evaluates.

    Args:
        run_directory: A new folder.
        recipe: The recipe that describes the trained model.
        overrides: ``path=value``, as ``-o`` takes them.
        weights: Every tensor of the assembled model's state dict.
        origin: Where the weights come from; recorded in status.json.
        **details: Further entries of status.json.

    Returns:
        The run directory.

    Raises:
        CodaarError: The folder exists, the recipe is wrong, or the weights belong to another model.
    """
    directory = RunDirectory(Path(run_directory))
    plan = load(recipe, [*overrides, "run.epochs=0"])
    model = build_untrained(plan)
    load_weights(model, weights, origin)
    try:
        directory.path.mkdir(parents=True)
    except OSError as error:
        raise CodaarError(f"cannot make {directory.path}: {error.strerror}", "name a new folder") from error
    directory.write_toml("resolved.toml", plan.resolved)
    save_checkpoint(directory.checkpoints, CheckpointState(step=0), model, torch.optim.Adam(model.parameters()))
    directory.set_status("imported", origin=origin, **details)
    return directory.path


def build_untrained(plan: Plan) -> Model:
    """Build the model of a plan in its floating-point type, on the CPU."""
    return build_model(plan, dict(build_data(plan).spaces)).to(dtype=getattr(torch, plan.device.dtype))
