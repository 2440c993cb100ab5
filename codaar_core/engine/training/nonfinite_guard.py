"""Freezes state at the first non-finite step, without synchronising with the device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

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

    All that ``check`` remembers keeps its memory, so that a recorded step can be repeated.

    Attributes:
        failed: Bool scalar on the device, True from the first non-finite step on.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        loss_optimizers: Iterable[torch.optim.Optimizer] = (),
    ) -> None:
        optimized = {parameter for group in optimizer.param_groups for parameter in group["params"]}
        restored = [*model.buffers(), *(each for each in model.parameters() if each not in optimized)]
        self.restored = [each.detach() for each in restored]
        self.saved = SavedTensors(self.restored)
        self.loss_optimizers = list(loss_optimizers)
        self.optimizer = optimizer
        device = next(iter(optimized)).device
        self.failed = torch.zeros((), device=device, dtype=torch.bool)
        self.reverted = torch.zeros((), device=device)  # 1.0 if the current step is not taken
        self.optimizer.found_inf = self.reverted  # type: ignore[attr-defined]  # read by fused optimizers only
        self.position, self.first_position = (
            torch.zeros(2, device=device, dtype=widest_float(device)) for _ in range(2)
        )
        self.names: tuple[str, ...] = ()
        self.first_numbers: Tensor | None = None

    def begin_step(self, epoch: int, step: int) -> None:
        """Note the numbers, from 0, of an epoch and a step, for ``failure``."""
        self.position[0].fill_(epoch)
        self.position[1].fill_(step)

    def save(self) -> None:
        """Save the state that the step may change before ``check``."""
        state = [*self.restored, *self._moments()]
        if len(state) != len(self.saved.tensors):
            self.saved = SavedTensors(state)
        self.saved.save()

    def check(self, values: Mapping[str, Tensor], skipped: Tensor) -> None:
        """Check the step's scalars; call this before the optimizer steps.

        Args:
            values: Loss terms and gradient norm.
            skipped: Bool scalar; whether the loss scale skips this step.
        """
        numbers = torch.stack(list(values.values())).detach()
        if self.first_numbers is None:
            self.names, self.first_numbers = tuple(values), numbers.clone()
        torch.where(self.failed, self.first_position, self.position, out=self.first_position)
        torch.where(self.failed, self.first_numbers, numbers, out=self.first_numbers)
        self.failed.logical_or_((numbers - numbers).any())  # zero if finite; infinity and NaN give NaN, which is true
        torch.logical_or(self.failed, skipped, out=self.reverted)

    @torch.no_grad()
    def end_step(self) -> None:
        """Restore the saved state if this step was skipped, or if this or an earlier step failed."""
        reverted = self.reverted > 0
        self.saved.restore(reverted)
        for moment in self._moments()[len(self.saved.tensors) - len(self.restored) :]:
            moment.masked_fill_(reverted, 0)  # made in this step: optimizers start from zeros

    def _moments(self) -> list[Tensor]:
        """State tensors of the losses' optimizers; their step counts, on the host, need no restoring."""
        states = [state for optimizer in self.loss_optimizers for state in optimizer.state.values()]
        return [each for state in states for each in state.values() if isinstance(each, Tensor) and each.dim()]

    def failure(self) -> dict[str, float] | None:
        """Return epoch, step and values of the failed step, or None; synchronises with the device."""
        if self.first_numbers is None:
            return None
        numbers_of_step = (*self.first_position.unbind(), *self.first_numbers.unbind())
        named = zip(("epoch", "step", *self.names), numbers_of_step, strict=True)
        numbers = to_numbers({"failed": self.failed, **dict(named)})
        return numbers if numbers.pop("failed") else None


class SavedTensors:
    """Copies of many tensors, made and taken back with a few operations for each type of number.

    Args:
        tensors: What is saved; each keeps its memory.
    """

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.tensors = list(tensors)
        kinds = dict.fromkeys((each.dtype, each.device) for each in self.tensors)
        self._groups = [_Group([each for each in self.tensors if (each.dtype, each.device) == kind]) for kind in kinds]

    @torch.no_grad()
    def save(self) -> None:
        """Copy all tensors."""
        for group in self._groups:
            torch._foreach_copy_(group.saved_parts, group.tensors)

    @torch.no_grad()
    def restore(self, where: Tensor) -> None:
        """Take all copies back if ``where``, a bool scalar on the device, is True; else keep the tensors' numbers."""
        for group in self._groups:
            torch._foreach_copy_(group.current_parts, group.tensors)
            torch.where(where, group.saved, group.current, out=group.current)
            torch._foreach_copy_(group.tensors, group.current_parts)


class _Group:
    """Tensors of one type, and buffers for all of their numbers."""

    def __init__(self, tensors: list[Tensor]) -> None:
        self.tensors = tensors
        sizes = [each.numel() for each in tensors]
        self.saved, self.current = (tensors[0].new_zeros(sum(sizes)) for _ in range(2))
        self.saved_parts, self.current_parts = (
            [part.view(each.shape) for part, each in zip(flat.split(sizes), tensors, strict=True)]
            for flat in (self.saved, self.current)
        )
