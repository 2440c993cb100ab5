"""The recipe of a released checkpoint, with the sizes of its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from codaar_plugin_released.checkpoint import Checkpoint
from codaar_plugin_released.layout import layout, sizes_of

IN_WHEEL = Path(__file__).with_name("recipes")
IN_CHECKOUT = Path(__file__).resolve().parents[3] / "recipes" / "as-published"


def recipe_of(checkpoint: Checkpoint) -> Path:
    """File of the recipe in ``recipes/as-published``."""
    folder = IN_WHEEL if IN_WHEEL.is_dir() else IN_CHECKOUT
    return folder / ("avt.toml" if "text" in checkpoint.modalities else "av.toml")


def overrides_of(checkpoint: Checkpoint) -> list[str]:
    """Overrides of settings by the sizes of the tensors.

    Raises:
        CodaarError: The shapes of the tensors contradict each other.
    """
    return [f"{path}={value}" for path, value in _settings(checkpoint.tensors, checkpoint.modalities).items()]


def _settings(tensors: Mapping[str, Tensor], modalities: tuple[str, ...]) -> dict[str, Any]:
    size = sizes_of(tensors, layout(modalities))
    settings: dict[str, Any] = {
        "quantizer.codes": size["codes"],
        "quantizer.dim": size["dim"],
        "data.patches": size["features.video"],
        "encoders.video.channels": [size["first"], size["private.video"]],
        "encoders.video.reduction": size["features.video"] // size["squeezed"],
        "decoders.video.hidden": size["hidden"],
        "decoders.video.output_hidden": size["output"],
    }
    for modality in modalities:
        settings[f"encoders.{modality}.feedforward"] = size[f"feedforward.{modality}"]
        settings[f"decoders.{modality}.code"] = size[f"code.{modality}"]
    for modality in modalities[1:]:
        settings[f"encoders.{modality}.private"] = size[f"private.{modality}"]
    if "text" in modalities:
        settings |= {"data.words": size["words"], "encoders.text.lstm_hidden": size["lstm"]}
    return settings
