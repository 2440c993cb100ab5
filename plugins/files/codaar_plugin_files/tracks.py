"""Features of clips on one clock, read array by array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import attrs
import numpy as np

from codaar_core.api import DataError
from codaar_core.features import ClipArrays, refuse_unusable
from codaar_plugin_files.clock import Rule, clock_steps, resampled

FLOAT64 = 8  # bytes
LEAST_BOUND = 1 << 26  # bytes that an array may have in any case


@attrs.frozen
class ClockTrack:
    """Features of one modality; a clip without them has no steps."""

    arrays: ClipArrays = attrs.field(repr=False)
    names: Sequence[str | None] = attrs.field(repr=False)  # of the array of each clip; None: the clip has none
    shape: tuple[int, ...]
    ratio: Fraction  # steps of the modality per step of the clock
    rule: Rule
    steps: int | None  # longer clips are cut off; None: they keep their length
    most_steps: int

    @property
    def lengths_vary(self) -> bool:
        """Whether clips keep their own number of steps."""
        return self.steps is None

    @property
    def most(self) -> int:
        """Largest number of bytes of an array: ``most_steps`` steps of the clock as float64, or 64 MiB if more."""
        steps = math.ceil(self.most_steps * self.ratio) + 1
        return max(LEAST_BOUND, steps * math.prod(self.shape) * FLOAT64)

    def read(self, clip: int) -> np.ndarray:
        """Read one clip (T, *shape), float16 or float32.

        Raises:
            DataError: Its array is damaged, has another shape, has NaN or infinite values, or too many steps.
        """
        name = self.names[clip]
        if name is None:
            return np.zeros((0, *self.shape), np.float32)
        where = Path(self.arrays.where(name))
        values = with_steps(self.arrays.read(name, self.most), self.shape)
        refuse_unusable(values, self.shape, where)
        if self.steps is None:
            self._refuse_long(clock_steps(len(values), self.ratio), where)
        values = values if values.dtype in (np.float16, np.float32) else values.astype(np.float32)
        return np.ascontiguousarray(resampled(values, self.ratio, self.rule)[: self.steps])

    def length(self, clip: int) -> int:
        """Number of steps of a clip on the clock, from the header of its array where there is one; 0 without array."""
        name = self.names[clip]
        if name is None:
            return 0
        shape = self.arrays.shape(name, self.most)
        steps = clock_steps(1 if shape == self.shape else shape[0] if shape else 0, self.ratio)
        return steps if self.steps is None else min(steps, self.steps)

    def absent(self) -> list[Path]:
        """Clips without features; they are masked or left out by the data source."""
        return []

    def _refuse_long(self, steps: int, where: Path) -> None:
        if steps > self.most_steps:
            raise DataError(
                f"{where}: {steps:,} steps, at most {self.most_steps:,} are allowed",
                "cut it into shorter clips, set `steps`, or raise `most_steps`",
            )


def with_steps(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Add the axis of steps to an array that is one step."""
    return values[None] if values.shape == shape else values
