"""The contract of the benchmark and of the head; the head in surroundings that give it pictures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from codaar_plugin_avsbench.avsbench_s4 import AvsbenchS4
from codaar_plugin_avsbench.segmentation import AvsSegmentation

from codaar_core.api import HeadContext, Quantized, Space
from codaar_core.testing import codaar_checks
from codaar_core.testing.catalogue import checks_of
from codaar_core.testing.subjects import BenchmarkSubject, HeadSubject
from codaar_core.testing.toys import CODES, LATENT, generator_of

test_conformance = codaar_checks(
    "codaar-plugin-avsbench",
    expected_failures={
        "benchmark:avsbench-s4:builds": "the toy modalities are neither audio nor text: checked below",
        "head:avs-segmentation:builds": "toy benchmarks give no pictures: checked below",
        "head:avs-segmentation:settings-matter": "toy benchmarks give no pictures",
    },
)

NOT_FOR_PICTURES = {
    "sees-codes-only": "it is given pictures besides",
    "settings-matter": "as above",
    "scalar-loss": "as above; test_avs_segmentation has the released numbers",
    "learns": "one code cannot tell a random mask; test_avs_segmentation has a learnable one",
    "predictions": "predictions are levels, targets of the kit zeros and ones",
}


def name(value: object) -> str:
    return getattr(value, "name", str(value))


class SegmentationSubject(HeadSubject):
    """The head, given random pictures."""

    def contexts(self) -> Iterator[HeadContext]:
        yield HeadContext(CODES, LATENT, ("sounding object",), Space((5, 3, 32, 32)))

    def outputs(self, module: AvsSegmentation, inputs: Quantized) -> dict[str, torch.Tensor]:
        return {"logits": module(inputs, pictures(len(inputs.full)).to(inputs.full))}

    def target(self, head: AvsSegmentation, inputs: Quantized) -> torch.Tensor:
        return torch.randint(2, (len(inputs.full), 1, 32, 32), generator=self.generator(), dtype=torch.uint8) * 255

    def objective(self, module: AvsSegmentation, inputs: Quantized) -> torch.Tensor:
        return module.loss(self.outputs(module, inputs)["logits"], self.target(module, inputs))


def pictures(clips: int) -> torch.Tensor:
    return torch.randn(1, 5, 3, 32, 32, generator=generator_of(5)).expand(clips, -1, -1, -1, -1)


@pytest.mark.parametrize(
    "check", [check for check in checks_of("head") if check.name not in NOT_FOR_PICTURES], ids=name
)
def test_head(check):
    subject = SegmentationSubject("head", "avs-segmentation", AvsSegmentation)
    if check.applies(subject):
        check(subject)


@pytest.mark.parametrize("mode", ["strict", "as-published"])
@pytest.mark.parametrize("check", checks_of("benchmark"), ids=name)
def test_benchmark(check, mode, make_benchmark):
    class Subject(BenchmarkSubject):
        def build(self, context=None):
            return make_benchmark(mode)

        @property
        def context(self):
            return Surroundings

    subject = Subject("benchmark", "avsbench-s4", AvsbenchS4)
    if check.applies(subject):
        check(subject)


class Surroundings:
    modalities = ("audio", "video", "text")
