"""Checks of the array of one clip, and the repairs of released loaders: number of steps and order of axes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from codaar_core.api.errors import DataError

RECTIFIED = "-relu"  # end of the tag of an extractor whose last operation is a rectifier
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


def refuse_other_values(values: np.ndarray, made_by: str | None, quantised: bool, where: Path | str) -> None:
    """Refuse values that contradict what a recipe states about features.

    Args:
        values: Features (T, *shape).
        made_by: Tag of their extractor; one that ends in ``-relu`` gives no negative values.
        quantised: Whether features rounded to eight bits are accepted.
        where: File, and place in it, for the message.

    Raises:
        DataError: Values are negative after a rectifier, or rounded to eight bits and not accepted.
    """
    if made_by is not None and made_by.endswith(RECTIFIED) and values.min() < 0:
        raise DataError(
            f"{where}: made_by is {made_by!r}, which gives no negative values, and the smallest is {values.min():g}",
            "state the extractor that made these features, or extract them again",
        )
    if not quantised and looks_quantised(values):
        kind = f"values of type {values.dtype}" if values.dtype.itemsize == 1 else "whole numbers"
        raise DataError(
            f"{where}: these features look rounded to eight bits ({kind} up to {values.max():g})",
            "extract them without rounding; if all are rounded, set quantised = true where that setting exists",
        )


def fit_length(values: np.ndarray, steps: int) -> np.ndarray:
    """Bring (n, ...) to ``steps`` rows: the last row is repeated, or surplus rows are cut off."""
    if len(values) >= steps:
        return values[:steps]
    return np.concatenate([values, np.repeat(values[-1:], steps - len(values), axis=0)])


def channels_last(values: np.ndarray) -> np.ndarray:
    """Turn (steps, channels, ...) into (steps, ..., channels)."""
    return np.moveaxis(values, 1, -1)


def looks_quantised(values: np.ndarray) -> bool:
    """Whether features were rounded to eight bits after extraction: of such a type, or whole numbers, some above 20."""
    if values.dtype.kind in "iu" and values.dtype.itemsize == 1:
        return True
    return bool(values.size and values.max() > QUANTISED_ABOVE and (values == np.rint(values)).all())
