"""A quantizer under test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from codaar_core.api import Encoded, Quantizer, QuantizerContext, Ranks
from codaar_core.testing.environment import toys
from codaar_core.testing.environment.toys import CLIPS, MODALITIES, STEPS
from codaar_core.testing.subjects.module import SINGLE, ModuleSubject, Outputs


class QuantizerSubject(ModuleSubject):
    """A quantizer of three modalities."""

    component: type[Quantizer]

    def contexts(self) -> Iterator[QuantizerContext]:
        """Three, two or one modalities."""
        return (QuantizerContext(MODALITIES[:number]) for number in (3, 2, 1))

    def build(self, context: Any = None) -> Quantizer:
        """Build it as a model with a loss that needs distances does."""
        quantizer: Quantizer = super().build(context)
        quantizer.wants_distances = True
        return quantizer

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that it is built for."""
        return self.context.modalities

    def inputs(self, clips: int = CLIPS, steps: int = STEPS, masked: bool = False) -> dict[str, Encoded]:
        """Latents of all modalities, each with a mask of its own."""
        generator = self.generator()
        return {m: toys.encoded_of(self.sample.latent, clips, steps, generator, masked) for m in self.modalities}

    def outputs(self, module: Any, inputs: Mapping[str, Encoded]) -> Outputs:
        """Indices, codes and distances of all modalities."""
        return {
            f"{modality}.{name}": value
            for modality, codes in module.quantize(inputs).items()
            for name, value in codes._asdict().items()
            if value is not None and name != "mask"
        }

    def differentiable(self, module: Any, inputs: Mapping[str, Encoded], ranks: Ranks = SINGLE) -> Outputs:
        """With looked-up codes where codewords are trained: those of ``quantize`` may have no gradient to them."""
        outputs = self.outputs(module, inputs)
        if not self.trained(module):
            return outputs
        return {**outputs, **{f"{m}.codeword": module.lookup(m, outputs[f"{m}.indices"]).own for m in inputs}}

    def junk(self, inputs: Mapping[str, Encoded]) -> dict[str, Encoded]:
        """Latents with random values at masked steps."""
        return {m: toys.junk_where_masked(item, item.mask, self.generator()) for m, item in inputs.items()}

    def real(self, inputs: Mapping[str, Encoded], outputs: Outputs) -> Outputs:
        """Codes of real steps."""
        return {name: value[inputs[name.partition(".")[0]].mask] for name, value in outputs.items()}
