"""Means of logged scalars and use of codewords over an epoch, also across an interruption."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from codaar_core.engine.devices.runtime import to_numbers
from codaar_core.engine.training.codebook_update import by_level, usage

COUNT = "steps"
EPOCH = "epoch_"  # prefix of measures over all batches of an epoch


class EpochMeans:
    """Sums scalars on the device; checkpoints keep the sums, so that a resumed epoch has the same means."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._sums: Tensor | None = None  # in the order of the names: one addition a step for all of them

    @property
    def state(self) -> dict[str, Tensor]:
        """Sums by name, and the number of steps under ``COUNT``; copies, so that a checkpoint can hold each."""
        sums = () if self._sums is None else self._sums.unbind()
        return {name: each.clone() for name, each in zip(self._names, sums, strict=True)}

    def add(self, values: Mapping[str, Tensor], failed: Tensor) -> None:
        """Add the scalars of one step, unless ``failed`` is 1."""
        added = torch.stack([*(value.detach() for value in values.values()), torch.ones_like(failed)])
        added = added.where(failed == 0, 0)
        names = (*values, COUNT)
        if self._names != names and self._sums is not None:  # a checkpoint does not keep the order of the names
            state = self.state
            self._sums = torch.stack([state.get(name, torch.zeros_like(failed)) for name in names])
        self._names = names
        self._sums = added if self._sums is None else self._sums + added

    def load(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Restore the sums saved in a checkpoint."""
        self._names = tuple(state)
        self._sums = torch.stack([value.to(device) for value in state.values()]) if state else None

    def finish_epoch(self) -> dict[str, float]:
        """Return the means by name and reset the sums; synchronises with the device."""
        numbers = to_numbers(self.state)
        self.load({}, torch.device("cpu"))
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

    def finish_epoch(self, levels: int = 1) -> dict[str, float]:
        """Return measures of use and reset the counts; synchronises with the device.

        Args:
            levels: Codes a step; of several, each level has measures of its own, as in ``by_level``.

        Returns:
            ``epoch_used.M`` and ``epoch_perplexity.M`` as ``usage``, and ``epoch_largest_share.M``, the share of the
            time steps that have the most frequent codeword.
        """
        counts, self.state = by_level(self.state, levels), {}
        largest = {f"largest_share.{name}": each.max() / each.sum() for name, each in counts.items()}
        values = usage(counts) | largest
        return {f"{EPOCH}{name}": value for name, value in to_numbers(values).items()}
