"""A task head under test, with the targets that its loss accepts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from codaar_core.api import HeadContext, Quantized, QuantizerContext, TaskHead
from codaar_core.testing.check import Violation
from codaar_core.testing.environment import toys
from codaar_core.testing.environment.toy_model import ToyQuantizer
from codaar_core.testing.environment.toys import CLIPS, CODES, LATENT, STEPS
from codaar_core.testing.subjects.module import ModuleSubject, Outputs


class HeadInputs(NamedTuple):
    """The arguments of a head's ``forward``."""

    codes: Quantized
    given: Tensor | None = None  # the further tensor, for heads that take one

    def through(self, head: TaskHead) -> Tensor:
        """The logits."""
        return head(self.codes) if self.given is None else head(self.codes, self.given)


class HeadSubject(ModuleSubject):
    """A task head, with the further tensor that it may take besides codes."""

    component: type[TaskHead]

    def contexts(self) -> Iterator[HeadContext]:
        """Three classes, and a toy quantizer of three modalities."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            quantizer = ToyQuantizer(ToyQuantizer.Config(), QuantizerContext(toys.MODALITIES[:3]))
        yield HeadContext(CODES, LATENT, toys.CLASSES, self.component.example_given, quantizer)

    @property
    def label(self) -> Tensor:
        """The class (B,) of each clip of ``inputs``."""
        return torch.arange(CLIPS) % len(toys.CLASSES)

    def inputs(self, clips: int = CLIPS, steps: int = STEPS, masked: bool = False) -> HeadInputs:
        """Codes, and a random further tensor if the head takes one."""
        generator, given = self.generator(), self.component.example_given
        codes = toys.codes_of(CODES, LATENT, clips, steps, generator, masked)
        return HeadInputs(codes, None if given is None else torch.randn(clips, *given.shape, generator=generator))

    def outputs(self, module: Any, inputs: HeadInputs) -> Outputs:
        """The logits."""
        return {"logits": inputs.through(module)}

    def junk(self, inputs: HeadInputs) -> HeadInputs:
        """Codes with random values at masked steps."""
        return inputs._replace(codes=toys.junk_where_masked(inputs.codes, inputs.codes.mask, self.generator()))

    def real(self, inputs: HeadInputs, outputs: Outputs) -> Outputs:
        """Logits of clips, or those of real steps."""
        mask, steps = inputs.codes.mask, inputs.codes.indices.shape
        return {name: value[mask] if value.shape[:2] == steps else value for name, value in outputs.items()}

    def target(self, head: TaskHead, inputs: HeadInputs) -> Tensor:
        """What its loss accepts: a class or classes, of each clip or of each step; else the form of a prediction.

        Raises:
            Violation: It accepts nothing.
        """
        return self.accepted(head, inputs)[1]

    def accepted(self, head: TaskHead, inputs: HeadInputs) -> tuple[str, Tensor]:
        """The first form of a target that its loss accepts, and the target.

        Raises:
            Violation: It accepts nothing.
        """
        logits = inputs.through(head)
        refusals = []
        for form, target in toys.target_forms(self.label, inputs.codes.indices.shape, head.predict(logits)).items():
            try:
                if head.loss(logits, target).dim() == 0:
                    return form, target
            except Exception as error:
                refusals.append(f"{target.dtype} {tuple(target.shape)}: {' '.join(str(error).split())}")
        raise Violation(
            f"{self.title}.loss gives no scalar for any kind of target: {'; '.join(refusals)}",
            "let loss(logits, target) give one scalar for what a benchmark's split has as targets",
        )

    def objective(self, module: Any, inputs: HeadInputs) -> Tensor:
        """The head's own loss, where it is trained."""
        if not self.trained(module):
            return super().objective(module, inputs)
        return module.loss(inputs.through(module), self.target(module, inputs))
