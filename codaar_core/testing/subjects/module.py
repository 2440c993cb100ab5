"""What all components that are modules have: inputs go in, named tensors come out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from codaar_core.api import Ranks
from codaar_core.testing.ranks import SingleProcess
from codaar_core.testing.subjects.subject import Subject
from codaar_core.testing.toys import CLIPS, STEPS, generator_of

Outputs = Mapping[str, Tensor]
SINGLE = SingleProcess()


class ModuleSubject(Subject, ABC):
    """A component that is a module: inputs go in, named tensors come out."""

    @abstractmethod
    def inputs(self, clips: int = CLIPS, steps: int = STEPS, masked: bool = False) -> Any:
        """Inputs of a size, always the same."""

    @abstractmethod
    def outputs(self, module: nn.Module, inputs: Any) -> Outputs:
        """What the module makes of them."""

    @abstractmethod
    def junk(self, inputs: Any) -> Any:
        """Masked inputs with junk at the masked steps."""

    def real(self, inputs: Any, outputs: Outputs) -> Outputs:
        """What is promised to be independent of masked steps."""
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
        """The outputs, with what else is differentiated in training."""
        return self.outputs(module, inputs)

    def joined(self, parts: Sequence[Outputs]) -> Outputs:
        """The outputs of one process, made of those of several ranks."""
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def draws(self, module: nn.Module, inputs: Any) -> bool:
        """Whether random numbers are drawn on the way from the inputs to the outputs."""
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
        """Modules that its context shows to it."""
        return ()

    def converted(self, to: torch.dtype | str) -> nn.Module:
        """One in another precision or on another device, as is all that surrounds it."""
        apart = deepcopy(self)
        for part in apart.surroundings():
            part.to(to)
        return apart.build().to(to)
