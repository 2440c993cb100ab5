"""Checks of a component in a whole run: the toy recipe with it in place of a toy component."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w
import torch
from safetensors.torch import load_file

from codaar_core.api import CodaarError, Component, DataError, hook
from codaar_core.engine import run
from codaar_core.recipe import Plan, load
from codaar_core.recipe.resolved import settings
from codaar_core.registry import Registry
from codaar_core.testing.check import Violation, check, expect
from codaar_core.testing.environment import toy_model
from codaar_core.testing.environment.toys import MODALITIES, PRIVATE
from codaar_core.testing.subjects import (
    BenchmarkSubject,
    DataSubject,
    DecoderSubject,
    EncoderSubject,
    HeadSubject,
    LossSubject,
    Subject,
)

SWAPPED = ("encoder", "decoder", "quantizer", "alignment", "loss", "data")
STEPS = 10  # an epoch
EPOCHS = 2
LOOK = "check the scale of its outputs, misplaced detach(), and diverging codewords"
TOY_DATA = {"use": "local:toy-features"}
TOYS = """# {folder}
from codaar_core.testing.environment import toy_model
from {module} import {name}

class UnderTest({name}):
    '''The component under test.'''
    if isinstance(getattr({name}, "name", None), str):  # that of a local file, which would be found first
        name = "under-test"

class ToyFeatures(toy_model.ToyFeatures): '''Toys.'''
class ToyEncoder(toy_model.ToyEncoder): '''Toys.'''
class ToyDecoder(toy_model.ToyDecoder): '''Toys.'''
class ToyQuantizer(toy_model.ToyQuantizer): '''Toys.'''
class ToyReconstruction(toy_model.ToyReconstruction): '''Toys.'''
class ToyTask(toy_model.ToyTask): '''Toys.'''
"""
DATA = """
from {module} import {name}

class DataOfThePackage({name}):
    '''The data source of the benchmark's package.'''
    if isinstance(getattr({name}, "name", None), str):
        name = "data-of-the-package"
"""


@check(*SWAPPED)
def trains(subject: Subject) -> None:
    """In the toy recipe, 20 steps with it lower the reconstruction error: it works together with other components."""
    with tempfile.TemporaryDirectory() as folder:
        watched = Watcher()
        trained(subject, load(write_recipe(subject, Path(folder))), observers=[watched])
    first, *_, last = watched.reconstruction
    expect(
        last < first,
        f"{subject.title}: in the toy recipe the reconstruction error goes from {first:.4g} to {last:.4g}",
        LOOK,
    )


@check(*SWAPPED)
def resumes(subject: Subject) -> None:
    """A run that is stopped and resumed ends with exactly the weights of an uninterrupted run."""
    with tempfile.TemporaryDirectory() as folder:
        plan = load(write_recipe(subject, Path(folder)))
        whole = weights(trained(subject, plan))
        stopping = Watcher(stop=True)
        try:
            trained(subject, plan, observers=[stopping])
        except Stopped:
            resumed = weights(trained(subject, plan, resume=str(stopping.directory)))
    changed = [name for name, tensor in whole.items() if not torch.equal(tensor, resumed[name])]
    expect(
        not changed,
        f"{subject.title}: after a resume {', '.join(changed[:3])} differs from an uninterrupted run",
        "keep all state in parameters and buffers; draw from torch's or the view's generator",
    )


@check("head", "benchmark")
def evaluates(subject: Subject) -> None:
    """In the toy recipe every transfer gets its scores: it works from the features to the report."""
    with tempfile.TemporaryDirectory() as folder:
        directory = trained(subject, load(write_recipe(subject, Path(folder))))
        found = json.loads((directory / "results.json").read_text("utf-8"))["transfers"]
    scores = {f"{entry['metric']} of {entry['train']}->{entry['test']}": entry["mean"] for entry in found}
    without = [name for name, score in scores.items() if score is None]
    expect(
        scores and not without,
        f"{subject.title}: in the toy recipe there is no number for {', '.join(without) or 'any transfer'}",
        "make metrics give a number for any prediction, and transfers() name modalities of the model",
    )


def trained(subject: Subject, plan: Plan, **how: Any) -> Path:
    """The directory of a run of the toy recipe.

    Raises:
        Violation: It ends early.
    """
    try:
        return run(plan, **how)
    except DataError:
        raise
    except CodaarError as error:
        raise Violation(f"{subject.title}: in the toy recipe {error.message}", LOOK) from error


class Stopped(Exception):
    """The run was stopped on purpose."""


class Watcher:
    """Records the reconstruction error; can stop the run after its first epoch."""

    def __init__(self, stop: bool = False) -> None:
        self.stop = stop
        self.reconstruction: list[float] = []
        self.directory = Path()

    @hook
    def codaar_run_start(self, directory: Path) -> None:
        """Record the directory of the run."""
        self.directory = directory

    @hook
    def codaar_epoch_end(self, values: Mapping[str, float]) -> None:
        """Record the error; the checkpoint is written already."""
        self.reconstruction.append(sum(value for name, value in values.items() if name.startswith("reconstruction.")))
        if self.stop:
            raise Stopped


def weights(directory: Path) -> dict[str, torch.Tensor]:
    """The weights of the last checkpoint."""
    (last,) = (directory / "checkpoints").glob(f"step-{EPOCHS * STEPS}")
    return load_file(last / "model.safetensors")


def write_recipe(subject: Subject, folder: Path) -> Path:
    """Write the toy recipe with the component under test in it, and the file of its local components."""
    toys = TOYS.format(folder=folder, **origin_of(subject.component))
    source = source_of(subject)
    (folder / "toys.py").write_text(toys + (DATA.format(**origin_of(source.component)) if source else ""), "utf-8")
    (folder / "recipe.toml").write_text(tomli_w.dumps(toy_recipe(subject, folder)), "utf-8")
    return folder / "recipe.toml"


def toy_recipe(subject: Subject, folder: Path) -> dict[str, Any]:
    """The toy recipe as data."""
    modalities = modalities_of(subject)
    under_test = {"use": "local:under-test", **settings(subject.config)}
    recipe: dict[str, Any] = {
        "codaar": 1,
        "run": {"name": "toy", "epochs": EPOCHS, "directory": str(folder / "runs"), "plugins": ["toys.py"]},
        "device": {"on": "cpu"},
        "optimizer": {"lr": 0.01},
        "model": {"modalities": list(modalities), "losses": ["reconstruction"]},
        "data": {**TOY_DATA, "batch": toy_model.CLIPS // STEPS, **space_of(subject)},
        "quantizer": {"use": "local:toy-quantizer"},
        "encoders": {m: {"use": "local:toy-encoder"} for m in modalities},
        "decoders": {m: {"use": "local:toy-decoder"} for m in modalities},
        "losses": {"reconstruction": {"use": "local:toy-reconstruction"}},
    }
    if subject.kind in ("encoder", "decoder"):
        recipe[f"{subject.kind}s"][modalities[0]] = under_test
    elif subject.kind in ("alignment", "loss"):
        section, switch = {"alignment": ("align", "align"), "loss": ("losses", "losses")}[subject.kind]
        recipe.setdefault(section, {})["under-test"] = under_test
        recipe["model"].setdefault(switch, []).append("under-test")
    elif isinstance(subject, HeadSubject):
        recipe |= evaluation({"use": "local:toy-task", "head": under_test, **task_of(subject)})
    elif isinstance(subject, BenchmarkSubject):
        recipe |= evaluation({**under_test, "head": head_of(subject)}) | {"data": data_of(subject)}
        recipe["evaluate"]["mode"] = subject.context.mode
        for name in subject.sample.builds_on:
            recipe["evaluate"]["on"].append(name)
            recipe["bench"][name] = {"use": "local:toy-task", "epochs": 1, "head": head_of(subject)}
    elif isinstance(subject, DataSubject):
        clips = len(subject.build().split("pretrain"))
        recipe["data"] = {**under_test, "batch": -(-clips // STEPS)}
    else:
        recipe[subject.kind] = under_test
    if isinstance(subject, DecoderSubject) and subject.context.private:
        recipe["encoders"][modalities[0]]["private"] = list(subject.context.private.shape)
    if isinstance(subject, LossSubject):
        recipe["quantizer"]["learned"] = subject.learned
        for encoder in recipe["encoders"].values():
            encoder["private"] = list(PRIVATE.shape)
    return recipe


def evaluation(bench: Mapping[str, Any]) -> dict[str, Any]:
    """The tables that evaluate one benchmark."""
    few = {"epochs": 2, "batch": 4}
    return {"evaluate": {"on": ["toy"], "seeds": [1]}, "bench": {"toy": {**few, **bench}}}


def task_of(subject: HeadSubject) -> dict[str, Any]:
    """Settings of the toy task: the form of its targets, and the shape of the further tensor given to the head."""
    head, inputs = subject.build().eval(), subject.inputs()
    predicted = head.predict(inputs.through(head))
    given = subject.component.example_given
    return {
        "form": subject.accepted(head, inputs)[0] if any(True for _ in head.parameters()) else "label",
        "predicted": list(predicted.shape[1:]),
        "levels": predicted.dtype == torch.uint8,
        "given": list(given.shape) if given else [],
    }


def head_of(subject: BenchmarkSubject) -> dict[str, Any]:
    """The benchmark's default head, with the settings that it is to be checked with."""
    registry = Registry()
    component = registry.load(registry.find("head", subject.sample.head))
    return {"use": subject.sample.head, **settings(component.Config(**component.example))}


def data_of(subject: BenchmarkSubject) -> dict[str, Any]:
    """The data that the benchmark's context has: those of its package, or toy features."""
    source = source_of(subject)
    return {"batch": 8, **({"use": "local:data-of-the-package", **settings(source.config)} if source else TOY_DATA)}


def source_of(subject: Subject) -> DataSubject | None:
    """The data source of the package that a benchmark accepts."""
    if not isinstance(subject, BenchmarkSubject):
        return None
    return next((source for source in subject.data if isinstance(subject.context.data, source.component)), None)


def origin_of(component: type[Component]) -> dict[str, str]:
    """Where a class is imported from."""
    return {"module": component.__module__, "name": component.__qualname__}


def modalities_of(subject: Subject) -> tuple[str, ...]:
    """Those of its context; three where that has one only."""
    return getattr(subject.context, "modalities", MODALITIES[:3])


def space_of(subject: Subject) -> dict[str, Any]:
    """The shape of the toy features that it wants."""
    space = None
    if isinstance(subject, EncoderSubject):
        space = subject.context.input
    if isinstance(subject, DecoderSubject):
        space = subject.context.output
    if space is None:
        return {}
    return {"shape": list(space.shape), **({"length": space.length} if space.length else {})}
