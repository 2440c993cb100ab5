"""A run of toy components, small enough that a whole one takes a tenth of a second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs
import pluggy
import torch

from codaar_core.api.hooks import PROJECT, Specification
from codaar_core.engine.assembly.build import build_data, build_model
from codaar_core.engine.devices.runtime import make_runtime
from codaar_core.engine.devices.signals import Interruption
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.engine.training.session import Session
from codaar_core.recipe import Plan, load

COMPONENTS = '''
import torch
from torch import nn
from torch.nn import functional as F

from codaar_core.api import AlignmentStep, TaskHead
from codaar_core.testing.environment import toy_model


class ToyFeatures(toy_model.ToyFeatures):
    """Normal features."""


class ToyEncoder(toy_model.ToyEncoder):
    """A linear map."""


class ToyDecoder(toy_model.ToyDecoder):
    """A linear map."""


class ToyQuantizer(toy_model.ToyQuantizer):
    """Codebooks that move halfway."""


class ToyReconstruction(toy_model.ToyReconstruction):
    """Mean squared errors."""


class ToyTask(toy_model.ToyTask):
    """Which class is each clip of?"""


class ToyHead(TaskHead):
    """A linear map of the mean code of a clip."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.classify = nn.Linear(context.code_space.width, len(context.classes))

    def forward(self, quantized):
        return self.classify(quantized.full.mean(1))

    def loss(self, logits, target):
        return F.cross_entropy(logits, target)

    def predict(self, logits):
        return logits.argmax(-1)


class ToyConstant(TaskHead):
    """Has nothing to train."""

    def forward(self, quantized):
        return quantized.full.mean(1)

    def predict(self, logits):
        return torch.zeros(len(logits), dtype=torch.int64)


class ToyPull(AlignmentStep):
    """Pulls all codewords of a row to their mean."""

    def adjust(self, codebooks):
        mean = sum(codebooks.values()) / len(codebooks)
        return {m: mean.clone() for m in codebooks}
'''
RECIPE = """
codaar = 1

[run]
name = "toy"
epochs = 3
log_every = 1
directory = {folder!r}
plugins = ["toys.py"]

[device]
on = "cpu"
threads = 1

[optimizer]
lr = 0.01

[model]
modalities = ["north", "east"]
losses = ["reconstruction"]

[data]
use = "local:toy-features"
batch = 8

[quantizer]
use = "local:toy-quantizer"

[encoders.north]
use = "local:toy-encoder"
[encoders.east]
use = "local:toy-encoder"

[decoders.north]
use = "local:toy-decoder"
[decoders.east]
use = "local:toy-decoder"

[losses.reconstruction]
use = "local:toy-reconstruction"

[align.pull]
use = "local:toy-pull"

[evaluate]
on = ["toy"]
seeds = [1, 2]

[bench.toy]
use = "local:toy-task"
epochs = 2
batch = 4
[bench.toy.head]
use = "local:toy-head"
"""
STEPS = 5  # of an epoch: 40 clips, 8 a batch


def toy_recipe(folder: Path, components: str = "") -> Path:
    """Write the recipe and its components, with further ones; returns the path of the recipe."""
    (folder / "toys.py").write_text(f"# {folder}\n{COMPONENTS}\n{components}", "utf-8")
    (folder / "recipe.toml").write_text(RECIPE.format(folder=str(folder / "runs")), "utf-8")
    return folder / "recipe.toml"


def toy_plan(folder: Path, *overrides: str, components: str = "") -> Plan:
    """The checked recipe."""
    return load(toy_recipe(folder, components), overrides)


@contextmanager
def toy_session(plan: Plan, folder: Path, observers: Sequence[object] = ()) -> Iterator[Session]:
    """A session with a freshly built model; equal plans give equal models."""
    torch.manual_seed(0)
    data = build_data(plan)
    runtime = make_runtime(plan.device)
    model = build_model(plan, dict(data.spaces)).to(runtime.device, runtime.dtype)
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Specification)
    for observer in observers:
        manager.register(observer)
    folder.mkdir(parents=True, exist_ok=True)
    with Interruption() as interruption:
        yield Session(plan, model, runtime, RunDirectory(folder), manager.hook, interruption)


def without_benchmarks(plan: Plan) -> Plan:
    """The same pretraining, evaluated on nothing."""
    return attrs.evolve(plan, benchmarks=())
