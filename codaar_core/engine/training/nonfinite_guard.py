"""Freezes state at the first non-finite step, without waiting for the device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from codaar_core.engine.devices.runtime import to_numbers, widest_float


class NonfiniteGuard:
    """Freezes weights and buffers, on the device, from the first step whose losses or gradient are not finite.

    The host asks for that step only where it waits for the device anyway. The optimizer must be a fused one: these
    skip a step where their ``found_inf`` is 1. What a step changes before it is judged, buffers and what losses keep
    and train by themselves with optimizers of their ``own``, is put back.
    """

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, own: Iterable[torch.optim.Optimizer] = ()
    ) -> None:
        judged = {parameter for group in optimizer.param_groups for parameter in group["params"]}
        self.kept = [*model.buffers(), *(each for each in model.parameters() if each not in judged)]
        self.own = list(own)
        self.optimizer = optimizer
        self.failed = torch.zeros((), device=next(iter(judged)).device)  # 1.0 from the first non-finite step on
        self.first: dict[str, Tensor] = {}  # epoch, number and values of that step

    def begin(self) -> None:
        """A step begins: it may change what is kept before it is judged."""
        self.before = [tensor.detach().clone() for tensor in self.kept]
        self.moments = {moment: moment.clone() for moment in self._moments()}

    def judge(self, epoch: int, step: int, values: Mapping[str, Tensor], skipped: Tensor) -> None:
        """Look at the losses and the norm of the gradient, before the optimizer steps; this one may be ``skipped``."""
        finite = torch.stack(list(values.values())).isfinite().all()
        place = {"epoch": epoch, "step": step}
        seen = {name: finite.new_full((), at, dtype=widest_float(finite.device)) for name, at in place.items()} | dict(values)
        self.first = {name: self.first.get(name, value).where(self.failed > 0, value) for name, value in seen.items()}
        self.failed = self.failed.where(finite, 1.0)
        self.undone = self.failed.where(~skipped, 1.0)
        self.optimizer.found_inf = self.undone  # type: ignore[attr-defined]  # read by fused optimizers only

    @torch.no_grad()
    def end(self) -> None:
        """A step ends: where it was skipped or failed, or an earlier one did, what is kept is that of before."""
        for tensor, before in zip(self.kept, self.before, strict=True):
            tensor.copy_(before.where(self.undone > 0, tensor))
        for moment in self._moments():
            before = self.moments.get(moment, torch.zeros_like(moment))  # optimizers begin with zeros
            moment.copy_(before.where(self.undone > 0, moment))

    def _moments(self) -> list[Tensor]:
        """What the own optimizers remember on the device; the host's counts of steps matter to nobody."""
        states = [state for optimizer in self.own for state in optimizer.state.values()]
        return [each for state in states for each in state.values() if isinstance(each, Tensor) and each.dim()]

    def failure(self) -> dict[str, float] | None:
        """Epoch, step and values of the step that failed; None while there is none. Waits for the device."""
        if not self.first:
            return None
        numbers = to_numbers({"failed": self.failed, **self.first})
        return numbers if numbers.pop("failed") else None
