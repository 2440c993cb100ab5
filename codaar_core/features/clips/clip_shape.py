"""Checks of the array of one clip, and the repairs of released loaders: number of steps and order of axes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from codaar_core.api.errors import DataError

QUANTISED_ABOVE = 20  # features after a rectifier stay below it; eight-bit values reach 255


def refuse_unusable(values: np.ndarray, shape: tuple[int, ...], path: Path) -> None:
    """Refuse an array that is not (steps, *shape) with at least one step and finite values in float32.

    Raises:
        DataError: The array has another shape, or NaN or infinite values.
    """
    if values.shape[1:] != shape or values.ndim != len(shape) + 1 or not len(values):
        expected = ", ".join(map(str, ("steps", *shape)))
        raise DataError(f"{path}: expected the shape ({expected}), it has {values.shape}")
    held = np.abs(values) <= np.finfo(np.float32).max if values.dtype.kind == "f" else np.True_
    if not held.all():
        bad = values.size - int(held.sum())
        raise DataError(f"{path}: {bad:,} of {values.size:,} values are NaN or infinite in float32")


def fit_length(values: np.ndarray, steps: int) -> np.ndarray:
    """Bring (n, ...) to ``steps`` rows: the last row is repeated, or surplus rows are cut off."""
    if len(values) >= steps:
        return values[:steps]
    return np.concatenate([values, np.repeat(values[-1:], steps - len(values), axis=0)])


def channels_last(values: np.ndarray) -> np.ndarray:
    """Turn (steps, channels, ...) into (steps, ..., channels)."""
    return np.moveaxis(values, 1, -1)


def looks_quantised(values: np.ndarray) -> bool:
    """Whether features were rounded to eight bits after extraction: all whole numbers, some above 20."""
    return bool(values.size and values.max() > QUANTISED_ABOVE and (values == np.rint(values)).all())
