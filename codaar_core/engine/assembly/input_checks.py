"""Checks and casts features before a model encodes them; every encoding outside training starts here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from codaar_core.api import DataError, Features, Space
from codaar_core.engine.assembly.model import Model

LISTED = 5  # clips named in an error


def checked_features(
    model: Model, modality: str, features: Any, device: torch.device, dtype: torch.dtype, names: Sequence[str] = ()
) -> Features:
    """Return features as the model reads them; padding becomes zero, so that its values never reach a computation.

    Args:
        model: The model.
        modality: The modality.
        features: Features (B, T, *shape) as a tensor or array, or as ``Features`` with a mask (B, T).
        device: Device of the model.
        dtype: Floating-point type of the model; features are cast to it, as in a run.
        names: Names of the clips for error messages; without names, clips are numbered from 0.

    Raises:
        DataError: The shape is not that of the modality, or clips have NaN or infinite values in ``dtype``.
    """
    given = features if isinstance(features, Features) else Features(features)
    values = _tensor(given.values)
    mask = None if given.mask is None else _tensor(given.mask).to(device, torch.bool)
    _refuse_other_shape(modality, tuple(values.shape), model.spaces.get(modality))
    if mask is not None and mask.shape != values.shape[:2]:
        raise DataError(
            f"{modality}: the mask should be {tuple(values.shape[:2])}, it is {tuple(mask.shape)}",
            "give one value for each clip and time step, True where the step is real",
        )
    values = values.to(device, dtype)
    if mask is not None:
        values = values.masked_fill(~mask.reshape(*mask.shape, *[1] * (values.dim() - 2)), 0)
    _refuse_not_finite(modality, values, names)
    return Features(values, mask)


def _tensor(values: Any) -> Tensor:
    if isinstance(values, np.ndarray) and not values.flags.writeable:
        values = values.copy()  # torch has no read-only tensors
    return torch.as_tensor(values)


def _refuse_other_shape(modality: str, shape: tuple[int, ...], space: Space | None) -> None:
    """Refuse a shape other than (B, T, *space.shape) with B, T > 0; any number of time steps is accepted.

    Raises:
        DataError: It is another one.
    """
    step = shape[2:] if space is None else space.shape
    if len(shape) < 2 or shape[2:] != step or 0 in shape:
        expected = ", ".join(["clips", "steps", *map(str, step)])
        hint = "; add an axis for the clips: features[None]" if shape[1:] == step else ""
        raise DataError(
            f"{modality}: features should be ({expected}), they are {shape}",
            f"give features of the extractor that the model was trained with{hint}",
        )


def _refuse_not_finite(modality: str, values: Tensor, names: Sequence[str]) -> None:
    """Refuse NaN and infinite values (B, T, ...).

    Raises:
        DataError: There are some; names the clips.
    """
    finite = values.isfinite()
    if bool(finite.all()):
        return
    clips = (~finite.flatten(1).all(1)).nonzero().flatten().tolist()
    listed = ", ".join(names[clip] if names else str(clip) for clip in clips[:LISTED])
    more = f" and {len(clips) - LISTED:,} more" if len(clips) > LISTED else ""
    bad = f"{int((~finite).sum()):,} values are NaN or infinite in {str(values.dtype).removeprefix('torch.')}"
    raise DataError(f"{modality}: clip {listed}{more}: {bad}", "repair these features, or leave these clips out")
