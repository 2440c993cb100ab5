"""How numbers are printed; what is no number is a dash."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import TypeGuard

NONE = "–"


def present(value: float | None) -> TypeGuard[float]:
    """Whether there is a number: not null in the record, and finite."""
    return value is not None and math.isfinite(value)


def percent(value: float | None) -> str:
    """0.931 -> 93.1."""
    return f"{round(100 * value, 9):.1f}" if present(value) else NONE


def spread(mean: float | None, deviation: float | None) -> str:
    """Mean and, where there is one, standard deviation in percent."""
    return f"{percent(mean)} ± {percent(deviation)}" if present(deviation) else percent(mean)


def difference(value: float | None, other: float | None) -> str:
    """How far ``value`` is above ``other``, in points, with its sign."""
    return f"{100 * (value - other):+.1f}".replace("-", "−") if present(value) and present(other) else NONE


def significant(value: float | None) -> str:
    """Three significant figures, without exponent where that is short."""
    if not present(value):
        return NONE
    return (f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.3g}").replace("-", "−")


def duration(seconds: float) -> str:
    """108.3 -> 1 min 48 s."""
    if round(seconds) < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def weight(value: float | None) -> str:
    """An entry of a row-stochastic matrix: a short decimal, or the fraction it stands for in single precision."""
    if not present(value):
        return NONE
    if abs(value - round(value, 2)) < 1e-6:
        return f"{value:.2g}"
    fraction = Fraction(value).limit_denominator(100)
    return str(fraction) if abs(value - fraction) < 1e-6 else f"{value:.3f}"


def mean(values: Iterable[float | None]) -> float | None:
    """The mean; None where there is nothing, or where one of them is no number."""
    given = list(values)
    numbers = [value for value in given if present(value)]
    return math.fsum(numbers) / len(numbers) if numbers and len(numbers) == len(given) else None
