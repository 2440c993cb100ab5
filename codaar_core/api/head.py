"""TaskHead: turns codes into predictions for a benchmark."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import attrs
from torch import Tensor, nn

from codaar_core.api.component import Component
from codaar_core.api.deprecation import renamed
from codaar_core.api.quantizer import Quantizer
from codaar_core.api.records import Quantized, Space


@attrs.frozen
class HeadContext:
    """Passed to a head when it is built.

    A head may read the codebooks of the quantizer in its constructor, e.g. to choose channels. It must not assign the
    quantizer to an attribute: torch would then register it as a submodule of the head.

    Attributes:
        code_space: Space (W,) of ``Quantized.full``.
        latent: Space (D,) of ``Quantized.own``.
        classes: Names of the outputs, from ``Benchmark.classes``.
        given: Space of the additional input, from ``Benchmark.given``; None if there is none.
        quantizer: The trained quantizer; before pretraining, when recipes are checked, the untrained one.
    """

    code_space: Space
    latent: Space
    classes: tuple[str, ...]
    given: Space | None = None
    quantizer: Quantizer | None = None

    codes = renamed("codes", "code_space")


class TaskHead(Component, nn.Module):
    """Predicts from codes only; it has no access to features or to the modality, so it can be applied to any modality.

    A head without parameters is not trained. If the benchmark has an additional input (``Benchmark.given``, e.g. a
    picture to segment), it is passed to ``forward`` as the second argument.

    Attributes:
        example_given: Space of the additional input that the conformance kit passes, e.g. ``Space((3, 32, 32))``;
            None if ``forward`` takes codes only.
    """

    kind: ClassVar[str] = "head"
    example_given: ClassVar[Space | None] = None

    @property
    def clipped_apart(self) -> Sequence[nn.Module]:
        """Modules whose gradient norms are clipped separately."""
        return ()

    @property
    def not_clipped(self) -> Sequence[nn.Module]:
        """Modules whose gradients are not clipped."""
        return ()

    @abstractmethod
    def forward(self, quantized: Quantized) -> Tensor:
        """Return logits or embeddings for codes (B, T)."""

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the scalar training loss.

        Raises:
            TypeError: The head has parameters but does not override this method.
        """
        raise TypeError(f"{type(self).__name__} has parameters but defines no loss")

    def calibrate(self, logits: Tensor, target: Tensor) -> None:
        """Set state that depends on validation clips, e.g. a threshold; it must be in buffers.

        Called once without gradient, after training and the choice of the epoch, if ``Benchmark.calibrated``. By
        default it does nothing.

        Args:
            logits: Output of ``forward`` for all validation clips in the modality that the head was trained on.
            target: Their targets.
        """

    @abstractmethod
    def predict(self, logits: Tensor) -> Tensor:
        """Turn logits into the predictions that the benchmark's metrics compare with the target."""
