"""Means of logged scalars and use of codewords over an epoch, also across an interruption."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from codaar_core.engine.devices.runtime import to_numbers
from codaar_core.engine.training.codebook_update import by_level, usage

COUNT = "steps"
EPOCH = "epoch_"  # prefix of measures over all batches of an epoch


class EpochSums:
    """Sums tensors of one shape by name, on the device; checkpoints keep the sums, also in the middle of an epoch."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._sums: Tensor | None = None  # in the order of the names: one addition a step for all of them

    @property
    def state(self) -> dict[str, Tensor]:
        """Sums by name; copies, so that a checkpoint can hold each."""
        sums = () if self._sums is None else self._sums.unbind()
        return {name: each.clone() for name, each in zip(self._names, sums, strict=True)}

    def add(self, values: Mapping[str, Tensor], failed: Tensor) -> None:
        """Add what one step has, unless ``failed``, a bool scalar, is True."""
        added = torch.stack([value.detach() for value in values.values()]).masked_fill(failed, 0)
        names = tuple(values)
        if self._names != names and self._sums is not None:  # a checkpoint does not keep the order of the names
            state = self.state
            self._sums = torch.stack([state.get(name, torch.zeros_like(added[0])) for name in names])
        self._names = names
        self._sums = added if self._sums is None else self._sums + added

    def load(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Restore the sums saved in a checkpoint."""
        self._names = tuple(state)
        self._sums = torch.stack([value.to(device) for value in state.values()]) if state else None


class EpochMeans(EpochSums):
    """Means of scalars; the sums also have the number of steps, under ``COUNT``."""

    def add(self, values: Mapping[str, Tensor], failed: Tensor) -> None:
        """Add the scalars of one step, unless ``failed`` is True."""
        super().add({**values, COUNT: ~failed}, failed)

    def finish_epoch(self) -> dict[str, float]:
        """Return the means by name and reset the sums; synchronises with the device."""
        numbers = to_numbers(self.state)
        self.load({}, torch.device("cpu"))
        count = numbers.pop(COUNT)
        return {name: value / count for name, value in numbers.items()}


class EpochUsage(EpochSums):
    """Use of the codewords, from their counts (K,) by modality."""

    def finish_epoch(self, levels: int = 1) -> dict[str, float]:
        """Return measures of use and reset the counts; synchronises with the device.

        Args:
            levels: Codes a step; of several, each level has measures of its own, as in ``by_level``.

        Returns:
            ``epoch_used.M`` and ``epoch_perplexity.M`` as ``usage``, and ``epoch_largest_share.M``, the share of the
            time steps that have the most frequent codeword.
        """
        counts = by_level(self.state, levels)
        self.load({}, torch.device("cpu"))
        largest = {f"largest_share.{name}": each.max() / each.sum() for name, each in counts.items()}
        values = usage(counts) | largest
        return {f"{EPOCH}{name}": value for name, value in to_numbers(values).items()}
