"""An encoder under test."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from torch import nn

from codaar_core.api import Encoder, EncoderContext, Features, Space
from codaar_core.testing.environment import toys
from codaar_core.testing.environment.toys import CLIPS, LATENT, MODALITIES, SHAPES, STEPS
from codaar_core.testing.subjects.module import ModuleSubject, Outputs


class EncoderSubject(ModuleSubject):
    """An encoder of one modality."""

    component: type[Encoder]

    def contexts(self) -> Iterator[EncoderContext]:
        """Vectors, maps and pictures; of any and of fixed length."""
        for length, shape in product((None, STEPS), SHAPES):
            yield EncoderContext(MODALITIES[0], Space(shape, length), LATENT)

    def sizes(self) -> list[tuple[int, int]]:
        """One step too, unless the encoder wants a fixed number."""
        fixed = self.context.input.length
        return [size for size in super().sizes() if fixed in (None, size[1])]

    def inputs(self, clips: int = CLIPS, steps: int = STEPS, masked: bool = False) -> Features:
        """Features."""
        return toys.features_of(self.context.input, clips, steps, self.generator(), masked)

    def outputs(self, module: nn.Module, inputs: Features) -> Outputs:
        """What is there of latents, private features and target."""
        given = module(inputs)._asdict()
        return {name: given[name] for name in ("semantic", "private", "target") if given[name] is not None}

    def junk(self, inputs: Features) -> Features:
        """Junk features."""
        return toys.junk_where_masked(inputs, inputs.mask, self.generator())

    def real(self, inputs: Features, outputs: Outputs) -> Outputs:
        """All at real steps."""
        return {name: value[inputs.mask] for name, value in outputs.items()}
