"""What an array of one clip must be, and the two repairs that released loaders make: length and order of axes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from codaar_core.api.errors import DataError

QUANTISED_ABOVE = 20  # features after a rectifier stay below it; eight-bit values reach 255


def refuse_unusable(values: np.ndarray, shape: tuple[int, ...], path: Path) -> None:
    """Refuse what is no (steps, *shape) of numbers that float32 can hold, with at least one step.

    Raises:
        DataError: It names the file, what was expected and what is there.
    """
    if values.shape[1:] != shape or values.ndim != len(shape) + 1 or not len(values):
        expected = ", ".join(map(str, ("steps", *shape)))
        raise DataError(f"{path}: expected the shape ({expected}), it has {values.shape}")
    held = np.abs(values) <= np.finfo(np.float32).max if values.dtype.kind == "f" else np.True_
    if not held.all():
        bad = values.size - int(held.sum())
        raise DataError(f"{path}: {bad:,} of {values.size:,} values are NaN or infinite in float32")


def fit_length(values: np.ndarray, steps: int) -> np.ndarray:
    """Make (n, ...) have ``steps`` rows: the last one is repeated, or what is too long is cut."""
    if len(values) >= steps:
        return values[:steps]
    return np.concatenate([values, np.repeat(values[-1:], steps - len(values), axis=0)])


def channels_last(values: np.ndarray) -> np.ndarray:
    """Turn (steps, channels, ...) into (steps, ..., channels)."""
    return np.moveaxis(values, 1, -1)


def looks_quantised(values: np.ndarray) -> bool:
    """Whether features were rounded to eight bits after extraction: all whole numbers, some above 20."""
    return bool(values.size and values.max() > QUANTISED_ABOVE and (values == np.rint(values)).all())
