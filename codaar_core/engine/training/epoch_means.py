"""Means of scalars over an epoch, whatever interrupts it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from codaar_core.engine.devices.runtime import to_numbers

COUNT = "steps"


class EpochMeans:
    """Sums on the device, which checkpoints keep: an epoch that was interrupted has the means of one that was not."""

    def __init__(self) -> None:
        self.state: dict[str, Tensor] = {}

    def add(self, values: Mapping[str, Tensor], failed: Tensor) -> None:
        """Take one step into account, unless it ``failed``."""
        for name, value in {**values, COUNT: torch.ones_like(failed)}.items():
            self.state[name] = self.state.get(name, 0) + value.detach().where(failed == 0, 0)

    def load(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Go on from sums that were saved."""
        self.state = {name: value.to(device) for name, value in state.items()}

    def take(self) -> dict[str, float]:
        """The means so far; the next epoch begins."""
        numbers, self.state = to_numbers(self.state), {}
        count = numbers.pop(COUNT)
        return {name: value / count for name, value in numbers.items()}
