"""An alignment step under test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from codaar_core.api import AlignmentContext, AlignmentStep, ComponentError
from codaar_core.testing.environment.toys import MODALITIES
from codaar_core.testing.subjects.subject import Subject

Rows = Mapping[str, Tensor]
Step = Callable[[Rows], Rows]


class AlignmentSubject(Subject):
    """An alignment step, for two to five modalities."""

    component: type[AlignmentStep]

    def contexts(self) -> Iterator[AlignmentContext]:
        """Three, two, four or five modalities."""
        return (AlignmentContext(MODALITIES[:number]) for number in (3, 2, 4, 5))

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of those of ``mix`` and ``adjust`` that it defines."""
        return tuple(
            name for name in ("mix", "adjust") if getattr(self.component, name) is not getattr(AlignmentStep, name)
        )

    def built(self) -> Iterator[tuple[AlignmentStep, tuple[str, ...]]]:
        """The step for each number of modalities that it accepts, and their names."""
        for number in (2, 3, 4, 5):
            names = MODALITIES[:number]
            try:
                yield self.build(AlignmentContext(names)), names
            except ComponentError:
                continue

    def cases(self, dtype: torch.dtype = torch.float64) -> Iterator[tuple[str, Step, dict[str, Tensor]]]:
        """Each defined function, for every number of modalities: its name, itself, and rows (N, D) to give to it."""
        for step, names in self.built():
            for function in self.functions:
                yield f"{self.title}.{function}", getattr(step, function), self.rows(names, dtype)

    def rows(self, names: tuple[str, ...], dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
        """Rows (N, D) of each modality."""
        generator = self.generator()
        return {name: torch.randn(12, 4, generator=generator).to(dtype) for name in names}

    def matrices(self) -> Iterator[tuple[AlignmentStep, tuple[str, ...], Tensor]]:
        """The matrix for each number of modalities that has one."""
        for step, names in self.built():
            matrix = step.matrix(names)
            if matrix is not None:
                yield step, names, matrix.double()
