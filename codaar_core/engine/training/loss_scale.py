"""Loss scaling for float16: keeps small gradients from vanishing and large ones from overflowing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

INITIAL_FACTOR = 2.0**16  # the first steps halve it until gradients no longer overflow
GROWTH_INTERVAL = 2000  # finite steps in a row after which the factor is doubled


class LossScale:
    """Dynamic loss scaling (Micikevicius et al., arXiv 1710.03740, section 3.2); inactive unless autocast is float16.

    The loss is multiplied by a factor and the gradients are divided by it. If a gradient overflows, the factor is
    halved and the step skipped; after ``GROWTH_INTERVAL`` finite steps in a row it is doubled. The state stays on the
    device, so no method synchronises with it.

    Attributes:
        state: Scalars "factor" and "good" (finite steps in a row) on the device; empty where inactive.
    """

    def __init__(self, device: torch.device, autocast_dtype: torch.dtype | None) -> None:
        active = autocast_dtype == torch.float16
        initial = {"factor": INITIAL_FACTOR, "good": 0.0} if active else {}
        self.state = {name: torch.tensor(value, device=device) for name, value in initial.items()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Restore the state saved in a checkpoint."""
        self.state = {name: state[name].to(current.device) for name, current in self.state.items()}

    def scale(self, loss: Tensor) -> Tensor:
        """Return the scaled loss."""
        return loss * self.state["factor"] if self.state else loss

    def unscale(self, parameters: Iterable[nn.Parameter]) -> None:
        """Divide gradients by the factor, in place."""
        if self.state:
            torch._foreach_div_([each.grad for each in parameters if each.grad is not None], self.state["factor"])

    def update(self, norm: Tensor) -> tuple[Tensor, Tensor]:
        """Adapt the factor to the norm of the unscaled gradients.

        A non-finite norm at factor 1 does not skip the step: scaling is then not the cause.

        Args:
            norm: Scalar norm of all gradients.

        Returns:
            The norm, 0 for a skipped step, and whether the step is to be skipped (bool scalar).
        """
        if not self.state:
            return norm, torch.zeros_like(norm, dtype=torch.bool)
        factor, good = self.state["factor"], self.state["good"]
        skipped = ~norm.isfinite() & (factor > 1)
        good = (good + 1).masked_fill(skipped, 0)
        grows = good >= GROWTH_INTERVAL
        self.state["good"].copy_(good.masked_fill(grows, 0))
        factor.copy_((factor / 2).where(skipped, (factor * 2).where(grows, factor)))
        return norm.masked_fill(skipped, 0), skipped
