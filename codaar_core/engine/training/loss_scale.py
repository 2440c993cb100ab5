"""Gradients in half precision: the loss is multiplied so that they neither vanish nor overflow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

FIRST = 2.0**16  # factor of the first step, soon halved to what the model can bear
GROWTH_INTERVAL = 2000  # good steps in a row before the factor is tried twice as large


class LossScale:
    """The factor of the loss (Micikevicius et al., arXiv 1710.03740, section 3.2); none where ``narrow`` is no float16.

    A gradient that overflows halves it, and its step is skipped; after many good steps it is doubled. It lives on the
    device, which is never waited for.
    """

    def __init__(self, device: torch.device, narrow: torch.dtype | None) -> None:
        needed = narrow == torch.float16
        start = {"factor": FIRST, "good": 0.0} if needed else {}
        self.state = {name: torch.tensor(value, device=device) for name, value in start.items()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a state that was saved."""
        self.state = {name: state[name].to(own.device) for name, own in self.state.items()}

    def up(self, loss: Tensor) -> Tensor:
        """What to derive instead of the loss."""
        return loss * self.state["factor"] if self.state else loss

    def down(self, parameters: Iterable[nn.Parameter]) -> None:
        """Make gradients those of the loss itself."""
        if self.state:
            torch._foreach_div_([each.grad for each in parameters if each.grad is not None], self.state["factor"])

    def judge(self, norm: Tensor) -> tuple[Tensor, Tensor]:
        """The norm of the gradient and whether its step is to be skipped, where the norm counts as 0.

        A factor of 1 is not halved: what overflows then is no matter of precision.
        """
        if not self.state:
            return norm, torch.zeros_like(norm, dtype=torch.bool)
        factor, good = self.state["factor"], self.state["good"]
        skipped = ~norm.isfinite() & (factor > 1)
        good = (good + 1).masked_fill(skipped, 0)
        patient = good >= GROWTH_INTERVAL
        self.state = {
            "factor": (factor / 2).where(skipped, (factor * 2).where(patient, factor)),
            "good": good.masked_fill(patient, 0),
        }
        return norm.masked_fill(skipped, 0), skipped
