"""Subjects that are modules: they map inputs to named tensors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from codaar_core.api import Ranks
from codaar_core.testing.environment.ranks import SingleProcess
from codaar_core.testing.environment.toys import CLIPS, STEPS, generator_of
from codaar_core.testing.subjects.subject import Subject

Outputs = Mapping[str, Tensor]
SINGLE = SingleProcess()


class ModuleSubject(Subject, ABC):
    """A component that is a module: it maps inputs to named tensors."""

    @abstractmethod
    def inputs(self, clips: int = CLIPS, steps: int = STEPS, masked: bool = False) -> Any:
        """Inputs with this many clips and steps; equal in every call."""

    @abstractmethod
    def outputs(self, module: nn.Module, inputs: Any) -> Outputs:
        """The outputs of the module, by name."""

    @abstractmethod
    def junk(self, inputs: Any) -> Any:
        """Masked inputs with random values at the masked steps."""

    def real(self, inputs: Any, outputs: Outputs) -> Outputs:
        """The outputs that must not depend on masked steps."""
        return outputs

    def objective(self, module: nn.Module, inputs: Any) -> Tensor:
        """A scalar that depends on all outputs and on all parameters."""
        return self.scalar(self.differentiable(module, inputs))

    def scalar(self, outputs: Outputs) -> Tensor:
        """The sum of the outputs with random weights."""
        generator = generator_of(self.seed)
        values = [each for each in outputs.values() if each.is_floating_point()]
        return sum(((each * torch.randn(each.shape, generator=generator)).sum() for each in values), torch.zeros(()))

    def differentiable(self, module: nn.Module, inputs: Any, ranks: Ranks = SINGLE) -> Outputs:
        """The outputs, and further tensors that training differentiates."""
        return self.outputs(module, inputs)

    def joined(self, parts: Sequence[Outputs], clips: Sequence[int]) -> Outputs:
        """The outputs of one process, combined from those of several ranks with so many clips each."""
        filled = [part for part, own in zip(parts, clips, strict=True) if own]
        return {name: torch.cat([part[name] for part in filled]) for name in filled[0]}

    def draws(self, module: nn.Module, inputs: Any) -> bool:
        """Whether numbers of torch's global generator are drawn on the way from the inputs to the outputs."""
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            before = torch.get_rng_state()
            self.outputs(module, inputs)
            return not torch.equal(before, torch.get_rng_state())

    def sizes(self) -> list[tuple[int, int]]:
        """Numbers of clips and steps to try."""
        return list(product((1, CLIPS), (1, STEPS)))

    def trained(self, module: nn.Module) -> dict[str, nn.Parameter]:
        """Parameters that the training loop trains, by name."""
        return {name: each for name, each in module.named_parameters() if each.requires_grad}

    def surroundings(self) -> Iterable[nn.Module]:
        """The modules in its context."""
        return ()

    def converted(self, to: torch.dtype | str) -> nn.Module:
        """A new one in another precision or on another device, with the modules in its context."""
        apart = deepcopy(self)
        for part in apart.surroundings():
            part.to(to)
        return apart.build().to(to)
