"""Loss: a view of the step -> named scalars."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import attrs
import torch
from torch import Tensor, nn

from codaar_core.api.component import Component
from codaar_core.api.records import Space, StepView


@attrs.frozen
class LossContext:
    """What is known when a loss is built."""

    modalities: tuple[str, ...]
    latent: Space  # (D,)
    codes: Space  # (W,)


class Loss(Component, nn.Module):
    """One or several named terms; the recipe's ``weight`` multiplies them all.

    Parameters of a loss are trained with the model. A loss that trains its own estimator sets ``optimizer``: its
    parameters then stay out of the main optimizer, and ``inner_step`` is called before every backward pass.
    Random draws come from ``view.generator``, which makes them equal on all ranks and after a resume.
    """

    kind: ClassVar[str] = "loss"
    optimizer: torch.optim.Optimizer | None = None

    @abstractmethod
    def forward(self, view: StepView) -> Mapping[str, Tensor]:
        """Give scalar terms by name, e.g. by modality."""

    def inner_step(self, view: StepView) -> None:
        """Train the own estimator on the detached view; only for a loss with its own optimizer."""
