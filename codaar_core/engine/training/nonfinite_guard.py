"""Freezes state at the first non-finite step, without synchronising with the device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from codaar_core.engine.devices.runtime import to_numbers, widest_float


class NonfiniteGuard:
    """Freezes weights and buffers, on the device, from the first step whose losses or gradients are not finite.

    ``failure`` reports that step later, where the host synchronises with the device anyway. Weights are frozen by the
    optimizer: fused optimizers skip a step if their ``found_inf`` is 1. Other state may change before ``check``:
    buffers, and parameters that losses train with optimizers of their own. It is saved before each step and restored
    after a failed or skipped one.

    Args:
        model: The model.
        optimizer: A fused optimizer of its parameters.
        loss_optimizers: Optimizers of estimators that losses train themselves.

    Attributes:
        failed: Scalar on the device, 1.0 from the first non-finite step on.
        first: Epoch, number and values of that step, on the device.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        loss_optimizers: Iterable[torch.optim.Optimizer] = (),
    ) -> None:
        optimized = {parameter for group in optimizer.param_groups for parameter in group["params"]}
        self.restored = [*model.buffers(), *(each for each in model.parameters() if each not in optimized)]
        self.loss_optimizers = list(loss_optimizers)
        self.optimizer = optimizer
        self.failed = torch.zeros((), device=next(iter(optimized)).device)
        self.first: dict[str, Tensor] = {}

    def begin_step(self) -> None:
        """Save the state that the step may change before ``check``."""
        self.saved = [tensor.detach().clone() for tensor in self.restored]
        self.saved_moments = {moment: moment.clone() for moment in self._moments()}

    def check(self, epoch: int, step: int, values: Mapping[str, Tensor], skipped: Tensor) -> None:
        """Check the step's scalars; call this before the optimizer steps.

        Args:
            epoch: Number of the epoch, from 0.
            step: Number of the step, from 0.
            values: Loss terms and gradient norm.
            skipped: Bool scalar; whether the loss scale skips this step.
        """
        finite = torch.stack(list(values.values())).isfinite().all()
        position = {"epoch": epoch, "step": step}
        wide = widest_float(finite.device)
        current = {name: finite.new_full((), at, dtype=wide) for name, at in position.items()} | dict(values)
        self.first = {
            name: self.first.get(name, value).where(self.failed > 0, value) for name, value in current.items()
        }
        self.failed = self.failed.where(finite, 1.0)
        self.reverted = self.failed.where(~skipped, 1.0)
        self.optimizer.found_inf = self.reverted  # type: ignore[attr-defined]  # read by fused optimizers only

    @torch.no_grad()
    def end_step(self) -> None:
        """Restore the saved state if this step was skipped, or if this or an earlier step failed."""
        for tensor, saved in zip(self.restored, self.saved, strict=True):
            tensor.copy_(saved.where(self.reverted > 0, tensor))
        for moment in self._moments():
            saved = self.saved_moments.get(moment, torch.zeros_like(moment))  # optimizers start from zeros
            moment.copy_(saved.where(self.reverted > 0, moment))

    def _moments(self) -> list[Tensor]:
        """State tensors of the losses' optimizers; their step counts, on the host, need no restoring."""
        states = [state for optimizer in self.loss_optimizers for state in optimizer.state.values()]
        return [each for state in states for each in state.values() if isinstance(each, Tensor) and each.dim()]

    def failure(self) -> dict[str, float] | None:
        """Return epoch, step and values of the failed step, or None; synchronises with the device."""
        if not self.first:
            return None
        numbers = to_numbers({"failed": self.failed, **self.first})
        return numbers if numbers.pop("failed") else None
