"""AlignmentStep: two pure functions of tensors that pull codebooks of several modalities together."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
from torch import Tensor

from codaar_core.api.component import Component


@attrs.frozen
class AlignmentContext:
    """What is known when an alignment step is built."""

    modalities: tuple[str, ...]


class AlignmentStep(Component):
    """Runs inside the codebook update, without gradient; defines ``mix``, ``adjust`` or both.

    Both are pure: they return new tensors and change nothing. Masks, ranks, precision and checkpoints are the
    framework's business. A step where a modality is masked or absent is not mixed.
    """

    kind: ClassVar[str] = "alignment"

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        defines = cls.mix is not AlignmentStep.mix or cls.adjust is not AlignmentStep.adjust
        if not defines and not inspect.isabstract(cls):
            raise TypeError(f"{cls.__name__} must define mix(features), adjust(codebooks) or both")

    def mix(self, features: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Turn time-synchronous latents {m: (N, D)} into what each codebook is updated with; row n only from rows n."""
        return features

    def adjust(self, codebooks: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Turn updated codebooks {m: (K, D)} into those to be used {m: (K, D)}; row k only from rows k."""
        return codebooks

    def matrix(self, modalities: tuple[str, ...]) -> Tensor | None:
        """The step as a row-stochastic (M, M) matrix over ``modalities``, where it is linear; else None."""
        return None
