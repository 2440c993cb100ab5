"""The assembled framework at any size, and its real pretraining loop on given batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pluggy
import torch
from torch import Tensor

from codaar_core import load
from codaar_core.api import Batch, Features, Space, StepView, hook
from codaar_core.api.hooks import PROJECT, Specification
from codaar_core.engine.assembly.build import build_model
from codaar_core.engine.assembly.model import Model
from codaar_core.engine.devices.runtime import Runtime
from codaar_core.engine.devices.signals import Interruption
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.engine.training import loop, optimizer
from codaar_core.engine.training.session import Session

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
NO_DROPOUT = "encoders.{}.dropout=0.0"


@attrs.define
class Steps:
    """What a few optimizer steps gave, step by step.

    Attributes:
        terms: Weighted loss terms.
        norms: Gradient norms before clipping, one a group of ``Model.clip_groups``.
        states: Weights and buffers after the step.
    """

    terms: list[dict[str, float]] = attrs.field(factory=list)
    norms: list[list[float]] = attrs.field(factory=list)
    states: list[dict[str, Tensor]] = attrs.field(factory=list)


def assemble(recipe: str, spaces: Mapping[str, Space], overrides: Sequence[str]) -> tuple[Any, Model]:
    """Plan and model of a recipe, in double precision and without dropout."""
    quiet = [NO_DROPOUT.format(modality) for modality in spaces]
    plan = load(RECIPES / recipe, ["device.dtype='float64'", *quiet, *overrides])
    return plan, build_model(plan, dict(spaces)).double()


def train(
    plan: Any, model: Model, batches: Sequence[Mapping[str, Tensor | Features]], folder: Path, monkeypatch: Any
) -> Steps:
    """Run the pretraining loop for one epoch of ``batches``; batch sizes must be what the loop cuts itself."""
    steps = Steps()
    observe_norms(steps, monkeypatch)
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Specification)
    manager.register(Observer(model, steps))
    runtime = Runtime(torch.device("cpu"), torch.float64)
    run = attrs.evolve(plan.run, epochs=1, log_every=1)
    plan = attrs.evolve(plan, run=run, batch=max(map(clips, batches)))
    with Interruption() as interruption:
        session = Session(plan, model, runtime, RunDirectory(folder), manager.hook, interruption)
        own = optimizer.make_optimizer(model, plan.optimizer)
        assert loop.pretrain(session, InOrder(batches), own) == len(batches)
    return steps


def features(values: Tensor | Features) -> Features:
    return values if isinstance(values, Features) else Features(values)


def clips(batch: Mapping[str, Tensor | Features]) -> int:
    return len(features(next(iter(batch.values()))).values)


class InOrder:
    """A split that gives the batches one after another, whatever clips are asked for."""

    reads_files = False

    def __init__(self, batches: Sequence[Mapping[str, Tensor | Features]]) -> None:
        self.left = list(batches)
        self.size = sum(map(clips, batches))

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, indices: Sequence[int]) -> Batch:
        batch = self.left.pop(0)
        assert len(indices) == clips(batch)
        return Batch({modality: features(values) for modality, values in batch.items()}, {})


class Observer:
    def __init__(self, model: Model, steps: Steps) -> None:
        self.model, self.steps = model, steps

    @hook
    def codaar_step_end(self, view: StepView) -> None:
        assert not view.decoded
        self.steps.states.append({name: tensor.clone() for name, tensor in self.model.state_dict().items()})

    @hook
    def codaar_step_logged(self, values: Mapping[str, float]) -> None:
        self.steps.terms.append(dict(values))


def observe_norms(steps: Steps, monkeypatch: Any) -> None:
    """Write down what each clipping returns, a list a step."""
    norms_of = optimizer.norms_of

    def observed(groups: Sequence[Sequence[Tensor]]) -> Tensor:
        norms = norms_of(groups)
        steps.norms.append(norms.tolist())
        return norms

    monkeypatch.setattr(optimizer, "norms_of", observed)


def close(ours: Tensor, theirs: Tensor, tolerance: float, name: str = "") -> None:
    """Equal relative to the largest number of the tensor."""
    assert ours.shape == theirs.shape, name
    ours, theirs = ours.detach().double(), theirs.double()
    difference, largest = float((ours - theirs).abs().max()), float(theirs.abs().max())
    assert difference <= tolerance * largest, f"{name}: {difference:.1e} of {largest:.1e}"
