"""How numbers are printed; a missing number, NaN or infinity is a dash."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from codaar_core.engine.results import HeadlineMean

NONE = "–"
MINUS = "−"
PERCENT = "%"  # unit of scores that are stored as fractions


def present(value: float | None) -> TypeGuard[float]:
    """Whether there is a finite number."""
    return value is not None and math.isfinite(value)


def percent(value: float | None) -> str:
    """0.931 -> 93.1."""
    return f"{round(100 * value, 9):.1f}" if present(value) else NONE


def amount(value: float | None, unit: str) -> str:
    """A score in its unit, which is not printed: percent of a fraction, three significant figures of anything else."""
    return percent(value) if unit == PERCENT else significant(value)


def score_and_chance(headline: HeadlineMean) -> str:
    """``60.0 (chance 10.0)``; a unit other than % is printed too."""
    unit = "" if headline.unit in ("", PERCENT) else f" {headline.unit}"
    return f"{amount(headline.mean, headline.unit)}{unit} (chance {amount(headline.chance, headline.unit)})"


def spread(mean: float | None, deviation: float | None, unit: str) -> str:
    """Mean and, where there is one, standard deviation."""
    return f"{amount(mean, unit)} ± {amount(deviation, unit)}" if present(deviation) else amount(mean, unit)


def signed(value: float | None, unit: str) -> str:
    """A difference of scores, with its sign; of fractions in percentage points."""
    if not present(value):
        return NONE
    return (f"{100 * value:+.1f}" if unit == PERCENT else f"{value:+.3g}").replace("-", MINUS)


def significant(value: float | None) -> str:
    """Three significant figures, without exponent where that is short."""
    if not present(value):
        return NONE
    return (f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.3g}").replace("-", MINUS)


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
