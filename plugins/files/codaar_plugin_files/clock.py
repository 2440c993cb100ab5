"""One clock for modalities of different step rates.

Step i of a modality with r steps per second covers the time from i / r to (i + 1) / r, and step j of the clock the time
from j / R to (j + 1) / R. All times are compared as integers, so that no rounding moves a step.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

import numpy as np

Rule = Literal["nearest", "mean"]
FINEST = 1_000_000  # largest denominator of a rate


def ratio_of(rate: float, clock: float) -> Fraction:
    """Steps of a modality per step of the clock."""
    return Fraction(rate).limit_denominator(FINEST) / Fraction(clock).limit_denominator(FINEST)


def clock_steps(steps: int, ratio: Fraction) -> int:
    """Number of steps of the clock whose middle lies within ``steps`` steps of a modality; at least 1."""
    part, whole = ratio.numerator, ratio.denominator
    return max(1, (2 * whole * steps + part - 1) // (2 * part))


def resampled(values: np.ndarray, ratio: Fraction, rule: Rule) -> np.ndarray:
    """Bring features onto the clock.

    Args:
        values: Features (n, *shape) of the modality, n > 0.
        ratio: Steps of the modality per step of the clock.
        rule: "nearest": the step that covers the middle of the step of the clock. "mean": the mean of all steps whose
            middle lies in the step of the clock; where there is none, as "nearest".

    Returns:
        Features (m, *shape), m = ``clock_steps(n, ratio)``; the values themselves if the ratio is one.
    """
    if ratio == 1:
        return values
    part, whole, steps = ratio.numerator, ratio.denominator, len(values)
    wanted = np.arange(clock_steps(steps, ratio))
    nearest = np.minimum((2 * wanted + 1) * part // (2 * whole), steps - 1)
    return values[nearest] if rule == "nearest" else _means(values, nearest, part, whole)


def _means(values: np.ndarray, nearest: np.ndarray, part: int, whole: int) -> np.ndarray:
    """Mean of the steps in each step of the clock, in float64, returned in the type of the values."""
    owner = (2 * np.arange(len(values)) + 1) * whole // (2 * part)  # step of the clock that a middle lies in
    first = np.searchsorted(owner, np.arange(len(nearest) + 1))
    covered = np.flatnonzero(np.diff(first))
    result = values[nearest]
    if len(covered):
        inside = values[: first[-1]]
        sums = np.add.reduceat(inside, first[covered], axis=0, dtype=np.float64)
        counts = np.diff(first)[covered].reshape(-1, *[1] * (values.ndim - 1))
        result[covered] = sums / counts
    return result
