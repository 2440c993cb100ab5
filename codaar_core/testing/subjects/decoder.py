"""A decoder under test."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from codaar_core.api import Decoder, DecoderContext, Encoded, Quantized, Space
from codaar_core.testing.environment import toys
from codaar_core.testing.environment.toys import CLIPS, CODES, LATENT, MODALITIES, SHAPES, STEPS
from codaar_core.testing.subjects.module import ModuleSubject, Outputs


class DecoderSubject(ModuleSubject):
    """A decoder of one modality."""

    component: type[Decoder]

    def contexts(self) -> Iterator[DecoderContext]:
        """Vectors from vectors, maps from the smaller maps of convolutions, and either from nothing."""
        for shape in SHAPES:
            for private in _privates(shape):
                given = None if private is None else Space(private)
                yield DecoderContext(MODALITIES[0], CODES, given, Space(shape))

    def inputs(self, clips: int = CLIPS, steps: int = STEPS, masked: bool = False) -> tuple[Encoded, Quantized]:
        """Private features and full codes."""
        generator, space = self.generator(), self.context.private
        codes = toys.codes_of(CODES, LATENT, clips, steps, generator, masked)
        private = None if space is None else toys.features_of(space, clips, steps, generator).values
        target = toys.features_of(self.context.output, clips, steps, generator).values
        return Encoded(codes.own.clone(), private, codes.mask, target), codes

    def outputs(self, module: nn.Module, inputs: tuple[Encoded, Quantized]) -> Outputs:
        """The reconstruction."""
        return {"reconstruction": module(*inputs)}

    def junk(self, inputs: tuple[Encoded, Quantized]) -> tuple[Encoded, Quantized]:
        """Junk codes and private features."""
        return toys.junk_where_masked(inputs, inputs[1].mask, self.generator())

    def real(self, inputs: tuple[Encoded, Quantized], outputs: Outputs) -> Outputs:
        """The reconstruction of real steps."""
        return {name: value[inputs[1].mask] for name, value in outputs.items()}


def _privates(shape: tuple[int, ...]) -> Iterator[tuple[int, ...] | None]:
    yield (6,)
    if len(shape) == 3:
        yield from ((shape[0] - lost, shape[1] - lost, 6) for lost in (0, 2, 4) if shape[0] > lost)
    yield None
