"""Loss: computes named scalar terms from the records of a training step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import attrs
import torch
from torch import Tensor, nn

from codaar_core.api.component import Component
from codaar_core.api.deprecation import renamed
from codaar_core.api.encoder import Encoder
from codaar_core.api.quantizer import Quantizer
from codaar_core.api.ranks import Shared, exchange
from codaar_core.api.records import Space, StepView


@attrs.frozen
class LossContext:
    """Passed to a loss when it is built; encoders and quantizer are those of the model.

    A loss may keep the context and read encoders and quantizer later, or copy them, e.g. a teacher as
    ``copy.deepcopy`` of an encoder. It must not assign one of them to an attribute: torch would then register it as a
    submodule of the loss.

    Attributes:
        modalities: Names of the model's modalities, in order.
        latent: Space (D,) of the latents.
        code_space: Space (W,) of ``Quantized.full``.
        inputs: Spaces of the features, by modality.
        encoders: Encoders by modality.
        quantizer: The quantizer.
    """

    modalities: tuple[str, ...]
    latent: Space
    code_space: Space
    inputs: Mapping[str, Space] = {}
    encoders: Mapping[str, Encoder] = {}
    quantizer: Quantizer | None = None

    codes = renamed("codes", "code_space")


class Loss(Component, nn.Module):
    """Computes one or several named terms; the recipe's ``weight`` multiplies all of them.

    Parameters of a loss are trained with the model, except those in its ``optimizer``, which are trained in
    ``inner_step`` only. Random numbers must be drawn from ``view.device_generator`` or ``view.generator``: they are
    then equal on all ranks and after a resume. Draws for each clip are made by ``uniform_by_clip``.

    Attributes:
        needs_distances: Whether it reads ``Quantized.distances``; quantizers compute them only if a loss needs them.
        optimizer: Optimizer of an estimator that the loss trains itself; None if it has none.
    """

    kind: ClassVar[str] = "loss"
    needs_distances: ClassVar[bool] = False
    optimizer: torch.optim.Optimizer | None = None

    @abstractmethod
    def forward(self, view: StepView) -> Mapping[str, Tensor]:
        """Return scalar terms by name, e.g. by modality."""

    def inner_step(self, view: StepView) -> None:
        """Update the loss's own state, e.g. an estimator, a moving-average teacher or a queue.

        Called once in a step, before ``forward``; tensors of ``view`` must be detached before use. With
        ``run.updates_per_step`` = n above 1 it is called in each of the n - 1 earlier passes of a step instead.
        """


class SharingLoss(Loss):
    """A loss that needs something of all ranks, in two halves: all such losses of a step share one exchange.

    The training loop calls the first halves of all of them, then exchanges, then calls the second halves, in the order
    of the recipe. A loss that exchanges by itself, with ``view.ranks`` in ``forward``, is right too, at the cost of a
    round trip for each exchange.
    """

    @abstractmethod
    def prepare(self, view: StepView) -> Shared:
        """Compute what this rank can by itself, and say which tensors all ranks need."""

    @abstractmethod
    def complete(self, view: StepView, shared: Shared) -> Mapping[str, Tensor]:
        """Return scalar terms by name, e.g. by modality.

        Args:
            view: As in ``prepare``.
            shared: What ``prepare`` returned, with the clips and sums of all ranks.
        """

    def forward(self, view: StepView) -> Mapping[str, Tensor]:
        """Return the terms, with an exchange of their own."""
        return self.complete(view, exchange(view.ranks, self.prepare(view))[0])
