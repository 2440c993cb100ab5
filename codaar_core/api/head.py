"""TaskHead: codes -> predictions of a benchmark."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import attrs
from torch import Tensor, nn

from codaar_core.api.component import Component
from codaar_core.api.deprecation import renamed
from codaar_core.api.records import Quantized, Space


@attrs.frozen
class HeadContext:
    """What is known when a head is built."""

    code_space: Space  # (W,) of Quantized.full
    latent: Space  # (D,) of Quantized.own
    classes: tuple[str, ...]
    given: Space | None = None  # of what the benchmark gives besides the codes

    codes = renamed("codes", "code_space")


class TaskHead(Component, nn.Module):
    """Sees codes only: never features, never which modality they came from. That makes transfer possible.

    A head without parameters is not trained. A benchmark may give something that is the same whatever the modality,
    e.g. the picture to segment: it is the second argument of ``forward``. A head of such benchmarks says by
    ``example_given = Space((3, 32, 32))`` what the conformance kit is to give to it.
    """

    kind: ClassVar[str] = "head"
    example_given: ClassVar[Space | None] = None

    @property
    def clipped_apart(self) -> Sequence[nn.Module]:
        """Parts of which each has its gradient norm clipped by itself."""
        return ()

    @abstractmethod
    def forward(self, quantized: Quantized) -> Tensor:
        """Give logits (or embeddings) for (B, T) codes."""

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Give the scalar to minimise."""
        raise TypeError(f"{type(self).__name__} has parameters but defines no loss")

    @abstractmethod
    def predict(self, logits: Tensor) -> Tensor:
        """Turn logits into what the benchmark's metrics compare with the target."""
