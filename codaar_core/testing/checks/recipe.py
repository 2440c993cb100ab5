"""What a component must keep in a whole run: the toy recipe with it in the place of a toy."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w
import torch
from safetensors.torch import load_file

from codaar_core.api import CodaarError, DataError, hook
from codaar_core.engine import run
from codaar_core.recipe import Plan, load
from codaar_core.recipe.resolved import settings
from codaar_core.testing import toy_model
from codaar_core.testing.check import Violation, check, expect
from codaar_core.testing.subjects import DataSubject, DecoderSubject, EncoderSubject, Subject
from codaar_core.testing.toys import MODALITIES

SWAPPED = ("encoder", "decoder", "quantizer", "alignment", "loss", "data")
STEPS = 10  # an epoch
EPOCHS = 2
LOOK = "look at what it passes on: scale of the outputs, detach() in the wrong place, codewords that run away"
TOYS = """# {folder}
from codaar_core.testing import toy_model
from {module} import {name}

class UnderTest({name}):
    '''The component under test.'''

class ToyFeatures(toy_model.ToyFeatures): '''Toys.'''
class ToyEncoder(toy_model.ToyEncoder): '''Toys.'''
class ToyDecoder(toy_model.ToyDecoder): '''Toys.'''
class ToyQuantizer(toy_model.ToyQuantizer): '''Toys.'''
class ToyReconstruction(toy_model.ToyReconstruction): '''Toys.'''
"""


@check(*SWAPPED)
def trains(subject: Subject) -> None:
    """In the toy recipe, 20 steps with it make the reconstruction better: it works together with the others."""
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
    """A run that is stopped and resumed ends with the weights, to the bit, of one that never stopped."""
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
        f"{subject.title}: after a resume {', '.join(changed[:3])} is not what it is without a stop",
        "keep all that outlasts a step in parameters and buffers; draw from torch's or the view's generator",
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
    """Sees how the reconstruction becomes better; stops the run after its first epoch."""

    def __init__(self, stop: bool = False) -> None:
        self.stop = stop
        self.reconstruction: list[float] = []
        self.directory = Path()

    @hook
    def codaar_run_start(self, directory: Path) -> None:
        """Note where it is."""
        self.directory = directory

    @hook
    def codaar_epoch_end(self, values: Mapping[str, float]) -> None:
        """Note the error; the checkpoint is written already."""
        self.reconstruction.append(sum(value for name, value in values.items() if name.startswith("reconstruction.")))
        if self.stop:
            raise Stopped


def weights(directory: Path) -> dict[str, torch.Tensor]:
    """Those of the last checkpoint."""
    (last,) = (directory / "checkpoints").glob(f"step-{EPOCHS * STEPS}")
    return load_file(last / "model.safetensors")


def write_recipe(subject: Subject, folder: Path) -> Path:
    """Write the toy recipe with the component under test in it, and the file of its local components."""
    where = {"module": subject.component.__module__, "name": subject.component.__qualname__, "folder": folder}
    (folder / "toys.py").write_text(TOYS.format(**where), "utf-8")
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
        "data": {"use": "local:toy-features", "batch": toy_model.CLIPS // STEPS, **space_of(subject)},
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
    elif isinstance(subject, DataSubject):
        clips = len(subject.build().split("pretrain"))
        recipe["data"] = {**under_test, "batch": -(-clips // STEPS)}
    else:
        recipe[subject.kind] = under_test
    if isinstance(subject, DecoderSubject) and subject.context.private:
        recipe["encoders"][modalities[0]]["private"] = list(subject.context.private.shape)
    return recipe


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
