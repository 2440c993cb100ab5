"""AlignmentStep: aligns the codebooks of several modalities by two pure functions of tensors."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
from torch import Tensor

from codaar_core.api.component import Component


@attrs.frozen
class AlignmentContext:
    """Passed to an alignment step when it is built.

    Attributes:
        modalities: Names of the model's modalities, in order.
    """

    modalities: tuple[str, ...]


class AlignmentStep(Component):
    """Runs inside the codebook update, without gradient; defines ``mix``, ``adjust`` or both.

    Both must be pure: they return new tensors and change no state. The framework handles masks, ranks, precision and
    checkpoints. Time steps that are masked or missing in any modality are not mixed.

    Raises:
        TypeError: A subclass defines neither; raised when the class is defined.
    """

    kind: ClassVar[str] = "alignment"

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        defines = cls.mix is not AlignmentStep.mix or cls.adjust is not AlignmentStep.adjust
        if not defines and not inspect.isabstract(cls):
            raise TypeError(f"{cls.__name__} must define mix(features), adjust(codebooks) or both")

    def mix(self, features: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return the targets {m: (N, D)} of the codebook update, given time-aligned latents {m: (N, D)}.

        Row n of the result may depend on the rows n only.
        """
        return features

    def adjust(self, codebooks: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return the codebooks {m: (K, D)} to use, given the updated ones {m: (K, D)}.

        Row k of the result may depend on the rows k only.
        """
        return codebooks

    def matrix(self, modalities: tuple[str, ...]) -> Tensor | None:
        """Return the step as a row-stochastic (M, M) matrix over ``modalities`` if it is linear, else None."""
        return None
