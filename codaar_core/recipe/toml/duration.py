"""Durations of a training as a recipe writes them: ``"2 epochs"``, ``"0.5 epochs"``, ``"500 steps"`` or 0."""

from __future__ import annotations

import re
from typing import Any

import attrs

WRITTEN = r"(\d{1,9}(?:\.\d{1,9})?) epochs?|(\d{1,12}) steps?"


def duration(_: object, attribute: attrs.Attribute[Any], value: str | int) -> None:
    """Validate a duration."""
    if value != 0 and not (isinstance(value, str) and re.fullmatch(WRITTEN, value)):
        raise ValueError(f'\'{attribute.name}\' must be "2 epochs", "500 steps" or 0, for example: {value!r}')


def longer_than_zero(_: object, attribute: attrs.Attribute[Any], value: str | int) -> None:
    """Validate that a valid duration is not 0."""
    if not duration_steps(value, 1):
        raise ValueError(f"'{attribute.name}' must be longer than 0: {value!r}")


def duration_steps(value: str | int, epoch_steps: int) -> int:
    """Return a duration in training steps; one that is longer than 0 has at least one step.

    Args:
        value: A valid duration.
        epoch_steps: Steps of an epoch.
    """
    found = re.fullmatch(WRITTEN, value) if isinstance(value, str) else None
    if found is None:
        return 0
    epochs, steps = found.groups()
    if steps is not None:
        return int(steps)
    return max(1, round(float(epochs) * epoch_steps)) if float(epochs) else 0
