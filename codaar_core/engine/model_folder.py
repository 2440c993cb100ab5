"""Trained models outside a run: opening run directories, and making one from weights trained elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from codaar_core.api import CodaarError, Features, Quantized
from codaar_core.engine.assembly.build import build_data, build_model
from codaar_core.engine.assembly.model import Model
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


class TrainedModel:
    """Encodes features into aligned discrete codes.

    Attributes:
        model: The assembled model, frozen, in evaluation mode.
    """

    def __init__(self, model: Model) -> None:
        self.model = model.eval().requires_grad_(False)

    @torch.no_grad()
    def encode(self, features: Mapping[str, Tensor | Features]) -> dict[str, Quantized]:
        """Encode features into codes; each modality is encoded independently of the others.

        Args:
            features: Features (B, T, *shape) of any non-empty subset of the modalities; pass ``Features`` for a mask.

        Returns:
            The codes by modality.

        Raises:
            CodaarError: No features are given, or the model lacks a modality.
        """
        unknown = sorted(set(features) - set(self.model.modalities))
        if unknown or not features:
            known = ", ".join(self.model.modalities)
            raise CodaarError(f"no modality {unknown[0]!r} in this model" if unknown else "no features given", known)
        inputs = {m: f if isinstance(f, Features) else Features(f) for m, f in features.items()}
        codes: dict[str, Quantized] = {}
        for modality, record in inputs.items():
            codes |= self.model.quantizer.quantize(self.model.encode({modality: record}))
        return codes


def open_model(run_directory: Path | str, best: bool = False) -> TrainedModel:
    """Load the model of a run from its newest checkpoint.

    Args:
        run_directory: The run directory.
        best: Load the checkpoint with the lowest metric ``run.best`` instead.

    Raises:
        CodaarError: The run directory or checkpoint does not exist, a file of the checkpoint is damaged, or a plug-in
            of the run is not installed.
    """
    directory = RunDirectory(Path(run_directory))
    directory.status()
    model = _build(load(directory.path / "resolved.toml"))
    checkpoint = _best(directory) if best else newest_checkpoint(directory.checkpoints)
    verify(checkpoint)
    load_model(checkpoint, model)
    return TrainedModel(model)


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
    model = _build(plan)
    load_weights(model, weights, origin)
    try:
        directory.path.mkdir(parents=True)
    except OSError as error:
        raise CodaarError(f"cannot make {directory.path}: {error.strerror}", "name a new folder") from error
    directory.write_toml("resolved.toml", plan.resolved)
    save_checkpoint(directory.checkpoints, CheckpointState(step=0), model, torch.optim.Adam(model.parameters()))
    directory.set_status("imported", origin=origin, **details)
    return directory.path


def _build(plan: Plan) -> Model:
    return build_model(plan, dict(build_data(plan).spaces)).to(dtype=getattr(torch, plan.device.dtype))
