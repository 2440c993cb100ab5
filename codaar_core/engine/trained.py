"""A trained model for use outside of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from codaar_core.api import CodaarError, Features, Quantized
from codaar_core.engine.build import build_data, build_model
from codaar_core.engine.checkpoint import load_model, newest_checkpoint
from codaar_core.engine.directory import RunDirectory
from codaar_core.engine.model import Model
from codaar_core.recipe import load


class TrainedModel:
    """Encodes features into aligned discrete codes.

    Attributes:
        model: The assembled model, frozen, in evaluation mode.
    """

    def __init__(self, model: Model) -> None:
        self.model = model.eval().requires_grad_(False)

    @torch.no_grad()
    def encode(self, features: Mapping[str, Tensor | Features]) -> dict[str, Quantized]:
        """Give the codes of any non-empty subset of the modalities; each tensor is (B, T, *shape).

        Raises:
            CodaarError: A modality is unknown.
        """
        unknown = sorted(set(features) - set(self.model.modalities))
        if unknown or not features:
            known = ", ".join(self.model.modalities)
            raise CodaarError(f"no modality {unknown[0]!r} in this model" if unknown else "no features given", known)
        inputs = {m: f if isinstance(f, Features) else Features(f) for m, f in features.items()}
        codes = {}
        for modality, record in inputs.items():
            codes |= self.model.quantizer.quantize(self.model.encode({modality: record}))
        return codes


def open_model(run_directory: Path | str) -> TrainedModel:
    """Load the model of a run directory from its newest checkpoint.

    Raises:
        CodaarError: No run directory, no checkpoint, or a plug-in of the run is not installed.
    """
    directory = RunDirectory(Path(run_directory))
    directory.status()
    plan = load(directory.path / "resolved.toml")
    model = build_model(plan, dict(build_data(plan).spaces)).to(dtype=getattr(torch, plan.device.dtype))
    load_model(newest_checkpoint(directory.checkpoints), model)
    return TrainedModel(model)
