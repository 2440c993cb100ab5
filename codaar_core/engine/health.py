"""A run stays as it was before the first step that went wrong, and nobody waits for the device to know."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from codaar_core.engine.runtime import to_numbers


class Health:
    """Freezes weights and buffers, on the device, from the first step whose losses or gradient are not finite.

    The host asks for that step only where it waits for the device anyway. The optimizer must be a fused one: these
    skip a step where their ``found_inf`` is 1.
    """

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.buffers = list(model.buffers())
        self.optimizer = optimizer
        self.failed: Tensor | None = None  # 1.0 from that step on
        self.first: dict[str, Tensor] = {}  # its epoch, its number and its values

    def begin(self) -> None:
        """A step begins: its forward pass may change buffers already."""
        self.before = [buffer.clone() for buffer in self.buffers]

    def judge(self, epoch: int, step: int, values: Mapping[str, Tensor]) -> None:
        """Look at the losses and the norm of the gradient, before the optimizer steps."""
        finite = torch.stack(list(values.values())).isfinite().all()
        place = {"epoch": epoch, "step": step}
        seen = {name: finite.new_full((), at, dtype=torch.float64) for name, at in place.items()} | dict(values)
        if self.failed is None:
            self.failed, self.first = torch.zeros_like(finite, dtype=torch.float32), seen
        self.first = {name: self.first[name].where(self.failed > 0, value) for name, value in seen.items()}
        self.failed = self.failed.where(finite, 1.0)
        self.optimizer.found_inf = self.failed

    def end(self) -> None:
        """A step ends: where it failed, or an earlier one did, the buffers are those of before."""
        for buffer, before in zip(self.buffers, self.before, strict=True):
            buffer.copy_(before.where(self.failed > 0, buffer))

    def failure(self) -> dict[str, float] | None:
        """Epoch, step and values of the step that failed; None while there is none. Waits for the device."""
        if self.failed is None:
            return None
        numbers = to_numbers({"failed": self.failed, **self.first})
        return numbers if numbers.pop("failed") else None
