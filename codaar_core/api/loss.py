"""Loss: a view of the step -> named scalars."""

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
from codaar_core.api.records import Space, StepView


@attrs.frozen
class LossContext:
    """What is known when a loss is built: after encoders and quantizer, which are the model's own.

    A loss may keep the context and read these parts later, or copy them (a teacher is ``copy.deepcopy`` of an encoder).
    It must not make one of them an attribute of its own: a module that is one becomes a part of the loss.
    """

    modalities: tuple[str, ...]
    latent: Space  # (D,)
    code_space: Space  # (W,) of Quantized.full
    inputs: Mapping[str, Space] = {}  # of the features, by modality
    encoders: Mapping[str, Encoder] = {}
    quantizer: Quantizer | None = None

    codes = renamed("codes", "code_space")


class Loss(Component, nn.Module):
    """One or several named terms; the recipe's ``weight`` multiplies them all.

    Parameters of a loss are trained with the model, but for those of an estimator of its own: what ``optimizer``
    holds is trained in ``inner_step`` alone. Random draws come from ``view.generator``, which makes them equal on all
    ranks and after a resume.
    """

    kind: ClassVar[str] = "loss"
    needs_distances: ClassVar[bool] = False  # whether it reads Quantized.distances; quantizers give them if one does
    optimizer: torch.optim.Optimizer | None = None

    @abstractmethod
    def forward(self, view: StepView) -> Mapping[str, Tensor]:
        """Give scalar terms by name, e.g. by modality."""

    def inner_step(self, view: StepView) -> None:
        """Change what the loss itself keeps, once before every ``forward`` of the training: on the detached view, train
        the own estimator, let a teacher follow, move a queue on."""
