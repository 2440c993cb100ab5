"""Axes of a drawing: where a value lies, and which values are labelled."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import attrs

from codaar_core.report.numerals import MINUS

STEPS = (1, 2, 2.5, 5, 10)  # times a power of ten: distances of labelled values
INTERVALS = 4  # about so many between labelled values
MARGIN = 0.04  # of the range, above and below the values
SAME = 1e-9  # relative distance of values that are drawn as one
TINY = 1e-300  # smaller ranges cannot be divided


@attrs.frozen
class Tick:
    """A labelled value."""

    position: float
    label: str


@attrs.frozen
class Axis:
    """One direction of a drawing.

    Attributes:
        position: Value -> user units.
    """

    position: Callable[[float], float]
    ticks: Sequence[Tick]


def linear_axis(low: float, high: float, start: float, end: float, whole: bool = False) -> Axis:
    """An axis from ``low`` at ``start`` to ``high`` at ``end``.

    Args:
        low: The smallest value.
        high: The largest value.
        start: Position of the lower end, in user units.
        end: Position of the upper end.
        whole: Whether values are whole numbers, such as steps; then there is no margin around them.
    """
    if high - low <= max(SAME * abs(high), TINY):
        room = max(abs(low), abs(high)) / 2
        room = room if room > TINY else 1.0
        low, high = low - room, high + room
    elif not whole:
        room = MARGIN * (high - low)
        low, high = low - room, high + room
    position = _between(low, high, start, end)
    distance = _distance(high - low, least=1 if whole else 0)
    first, last = math.ceil(low / distance), math.floor(high / distance)
    values = [number * distance for number in range(first, last + 1)]
    return Axis(position, [Tick(position(each), _label(each)) for each in values])


def log_axis(low: float, high: float, start: float, end: float) -> Axis:
    """A logarithmic axis; labelled are powers of ten, and three times these where they are few."""
    bottom, top = math.log10(low), math.log10(high)
    room = MARGIN * (top - bottom)
    along = _between(bottom - room, top + room, start, end)
    powers = range(math.ceil(bottom - room), math.floor(top + room) + 1)
    stride = math.ceil(len(powers) / (INTERVALS + 1))
    between = [3 * 10.0**power for power in range(math.floor(bottom), math.ceil(top))] if len(powers) < 3 else []
    values = sorted([*(10.0**power for power in powers[::stride]), *(each for each in between if low <= each <= high)])
    return Axis(
        lambda value: along(math.log10(value)), [Tick(along(math.log10(each)), _label(each)) for each in values]
    )


def _label(value: float) -> str:
    """All figures of a round value, so that neighbours differ; an exponent where it would be long."""
    form = ",.10g" if 1000 <= abs(value) < 1e7 else ".10g" if 1e-4 <= abs(value) < 1000 else ".3g"
    return f"{value:{form}}".replace("-", MINUS)


def _between(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (end - start) * (value - low) / (high - low)


def _distance(span: float, least: float) -> float:
    """A round distance that divides a range into about ``INTERVALS``."""
    raw = span / INTERVALS
    power = 10.0 ** math.floor(math.log10(raw))
    return max(least, next(step * power for step in STEPS if step * power >= 0.75 * raw))
