"""A loss under test, over a toy model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any, cast

import attrs
import torch
from torch import Tensor, nn

from codaar_core.api import EncoderContext, Loss, LossContext, QuantizerContext, Ranks, StepView
from codaar_core.engine.assembly.model import estimator_parameters
from codaar_core.testing.environment import toy_model, toys
from codaar_core.testing.environment.toys import CLIPS, LATENT, MODALITIES, STEPS, generator_of
from codaar_core.testing.subjects.module import SINGLE, ModuleSubject, Outputs

PRIVATE = toy_model.ToyEncoder.Config(private=toys.PRIVATE.shape)


class LossSubject(ModuleSubject):
    """A loss over three modalities."""

    component: type[Loss]

    def contexts(self) -> Iterator[LossContext]:
        """Three, two or one modalities; first with EMA codewords, then with learned ones."""
        return (loss_context(number, learned) for learned, number in product((False, True), (3, 2, 1)))

    @property
    def learned(self) -> bool:
        """Whether its context has codewords that are parameters."""
        return any(True for _ in self.context.quantizer.parameters())

    def sizes(self) -> list[tuple[int, int]]:
        """Always several steps: a loss may predict the next."""
        return [(1, STEPS), (CLIPS, STEPS)]

    def inputs(self, clips: int = CLIPS, steps: int = STEPS, masked: bool = False) -> StepView:
        """The view of a step, with distances only where the loss needs them."""
        return self.view(self.context.modalities, clips, steps, masked)

    def view(
        self, modalities: tuple[str, ...], clips: int = CLIPS, steps: int = STEPS, masked: bool = False
    ) -> StepView:
        """The view of a step of some modalities, with distances only where the loss needs them."""
        view = toys.view_of(modalities, clips, steps, self.seed, masked)
        return view if self.component.needs_distances else toys.without_distances(view)

    def inputs_with_distances(self) -> StepView:
        """The view of a step, with distances even where the loss does not say that it needs them."""
        return toys.view_of(self.context.modalities, CLIPS, STEPS, self.seed)

    def outputs(self, module: nn.Module, inputs: StepView) -> Outputs:
        """The terms; the generator of the step always starts anew."""
        return module(attrs.evolve(inputs, generator=generator_of(self.seed)))

    def junk(self, inputs: StepView) -> StepView:
        """Random values at the masked steps of every record."""
        masks = {m: item.mask for m, item in inputs.encoded.items()}
        changed: dict[str, Any] = {
            name: {m: toys.junk_where_masked(item, masks[m], self.generator()) for m, item in records.items()}
            for name, records in (
                ("inputs", inputs.inputs),
                ("encoded", inputs.encoded),
                ("quantized", inputs.quantized),
                ("decoded", inputs.decoded),
            )
        }
        return attrs.evolve(inputs, **changed)

    def differentiable(self, module: nn.Module, inputs: StepView, ranks: Ranks = SINGLE) -> Outputs:
        """The terms on one of several ranks."""
        return self.outputs(module, attrs.evolve(inputs, ranks=ranks))

    def scalar(self, outputs: Outputs) -> Tensor:
        """The sum of the terms."""
        return sum(outputs.values(), torch.zeros(()))

    def joined(self, parts: Sequence[Outputs], clips: Sequence[int]) -> Outputs:
        """The mean over ranks, as the training loop averages gradients."""
        return {name: torch.stack([part[name] for part in parts]).mean(0) for name in parts[0]}

    def trained(self, module: nn.Module) -> dict[str, nn.Parameter]:
        """The parameters that its own optimizer does not hold."""
        own = estimator_parameters(cast(Loss, module))
        return {name: each for name, each in super().trained(module).items() if each not in own}

    def surroundings(self) -> Iterable[nn.Module]:
        """The parts of the model that a loss may read."""
        return (*self.context.encoders.values(), self.context.quantizer)


def loss_context(modalities: int, learned: bool) -> LossContext:
    """The context of a loss over so many modalities of a toy model; always the same."""
    names = MODALITIES[:modalities]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(modalities)
        encoders = {m: toy_model.ToyEncoder(PRIVATE, EncoderContext(m, LATENT, LATENT)) for m in names}
        quantizer = toy_model.ToyQuantizer(toy_model.ToyQuantizer.Config(learned=learned), QuantizerContext(names))
    return LossContext(names, LATENT, quantizer.code_space, dict.fromkeys(names, LATENT), encoders, quantizer)
