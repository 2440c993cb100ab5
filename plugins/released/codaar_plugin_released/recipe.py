"""The recipe that a released checkpoint was trained by, at the checkpoint's sizes."""

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
    """The recipe of ``recipes/as-published``."""
    folder = IN_WHEEL if IN_WHEEL.is_dir() else IN_CHECKOUT
    return folder / ("avt.toml" if "text" in checkpoint.modalities else "av.toml")


def overrides_of(checkpoint: Checkpoint) -> list[str]:
    """The sizes of the checkpoint's tensors as settings.

    Raises:
        CodaarError: The tensors do not fit together.
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
