"""Means of logged scalars and use of codewords over an epoch, also across an interruption."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from codaar_core.engine.devices.runtime import to_numbers
from codaar_core.engine.training.codebook_update import usage

COUNT = "steps"
EPOCH = "epoch_"  # prefix of measures over all batches of an epoch


class EpochMeans:
    """Sums scalars on the device; checkpoints keep the sums, so a resumed epoch has the means of an uninterrupted one.

    Attributes:
        state: Sums by name, and the number of steps under ``COUNT``.
    """

    def __init__(self) -> None:
        self.state: dict[str, Tensor] = {}

    def add(self, values: Mapping[str, Tensor], failed: Tensor) -> None:
        """Add the scalars of one step, unless ``failed`` is 1."""
        added = {**values, COUNT: torch.ones_like(failed)}
        self.state = {  # in the order of values, which a checkpoint does not keep
            name: self.state.get(name, 0) + value.detach().where(failed == 0, 0) for name, value in added.items()
        }

    def load(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Restore the sums saved in a checkpoint."""
        self.state = {name: value.to(device) for name, value in state.items()}

    def finish_epoch(self) -> dict[str, float]:
        """Return the means by name and reset the sums; synchronises with the device."""
        numbers, self.state = to_numbers(self.state), {}
        count = numbers.pop(COUNT)
        return {name: value / count for name, value in numbers.items()}


class EpochUsage:
    """Sums counts on the device, without synchronising; checkpoints keep the sums, so a resumed epoch has all of them.

    Attributes:
        state: Counts (K,) by modality.
    """

    def __init__(self) -> None:
        self.state: dict[str, Tensor] = {}

    def add(self, counts: Mapping[str, Tensor], failed: Tensor) -> None:
        """Add the counts of one step, unless ``failed`` is 1."""
        self.state = {
            modality: self.state.get(modality, 0) + each.where(failed == 0, 0) for modality, each in counts.items()
        }

    def load(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Restore the counts saved in a checkpoint."""
        self.state = {modality: each.to(device) for modality, each in state.items()}

    def finish_epoch(self) -> dict[str, float]:
        """Return ``epoch_used.M`` and ``epoch_perplexity.M`` and reset the counts; synchronises with the device."""
        values, self.state = usage(self.state), {}
        return {f"{EPOCH}{name}": value for name, value in to_numbers(values).items()}
