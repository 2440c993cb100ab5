"""``[model] from``: a new run begins from the weights of another model, or from parts of them."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
import tomli
import torch
from safetensors.torch import load_file
from toy_run import STEPS, toy_plan

from codaar_core import export
from codaar_core.api import CodaarError, hook
from codaar_core.engine import run
from codaar_core.engine.record.pretraining_clips import PRETRAINING_CLIPS, RecordingHashes
from codaar_core.recipe import Plan, RecipeError, load


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return toy_plan(tmp_path_factory.mktemp("initial"), "run.epochs=1", "evaluate.on=[]")


@pytest.fixture(scope="module")
def source(plan: Plan) -> Path:
    directory = run(plan)
    RecordingHashes.of(["seen before"]).write(directory / PRETRAINING_CLIPS)
    return directory


def begun(plan: Plan, *overrides: str) -> Plan:
    return load(plan.source, [*plan.overrides, "run.seed=7", "run.epochs=0", *overrides])


def from_(folder: Path) -> str:
    return f"model.from={str(folder)!r}"


class Initial:
    """Keeps the weights of the first step's checkpoint, and stops there."""

    def __init__(self) -> None:
        self.directory = Path()

    @hook
    def codaar_run_start(self, directory):
        self.directory = directory

    @hook
    def codaar_epoch_start(self):
        os.kill(os.getpid(), signal.SIGTERM)


def initial_weights(plan: Plan) -> tuple[dict[str, torch.Tensor], Path]:
    """The weights with which a run begins, and its directory."""
    observer = Initial()
    with pytest.raises(CodaarError, match="interrupted after step 0"):
        run(load(plan.source, [*plan.overrides, "run.epochs=1"]), observers=[observer])
    return load_file(observer.directory / "checkpoints" / "step-0" / "model.safetensors"), observer.directory


def test_all_weights_or_named_parts_are_taken(plan, source):
    weights = load_file(source / "checkpoints" / f"step-{STEPS}" / "model.safetensors")
    own, _ = initial_weights(begun(plan))
    taken, _ = initial_weights(begun(plan, from_(source)))
    assert taken.keys() == weights.keys() and all(torch.equal(taken[name], weights[name]) for name in weights)
    some, directory = initial_weights(begun(plan, from_(source), "model.parts=['encoders.north', 'quantizer']"))
    for name, tensor in some.items():
        expected = weights if name.startswith(("encoders.north.", "quantizer.")) else own
        assert torch.equal(tensor, expected[name]), name
    assert not torch.equal(some["encoders.east.latents.weight"], weights["encoders.east.latents.weight"])
    lock = tomli.loads((directory / "lock.toml").read_text())
    assert lock["initial_weights"]["from"] == str(source) and len(lock["initial_weights"]["sha256"]) == 64


def test_an_exported_model_is_a_source_too(plan, source, tmp_path):
    export(source, tmp_path / "exported")
    one, _ = initial_weights(begun(plan, from_(tmp_path / "exported")))
    two, _ = initial_weights(begun(plan, from_(source)))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_resumed_run_does_not_need_the_source_and_keeps_its_clips(plan, source, tmp_path):
    copy = shutil.copytree(source, tmp_path / "copy")
    changed = load(plan.source, [*plan.overrides, "run.seed=7", from_(copy)])
    at_once = run(changed)
    _, directory = initial_weights(begun(plan, from_(copy)))
    shutil.rmtree(copy)
    run(changed, str(directory))
    files = [path / "checkpoints" / f"step-{STEPS}" / "model.safetensors" for path in (at_once, directory)]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert RecordingHashes.read(directory / PRETRAINING_CLIPS).unknown, "the clips of this run have no names"
    keys = [tomli.loads((path / "lock.toml").read_text())["pretraining_key"] for path in (at_once, directory)]
    assert keys[0] == keys[1] != tomli.loads((source / "lock.toml").read_text())["pretraining_key"]


@pytest.mark.parametrize(
    "overrides, error, help",
    [
        (["encoders.north.private=[3]"], r"encoders.north.privates.weight \(3, 8\) is missing", "model.parts"),
        (["data.shape=[5]"], r"encoders.north.latents.weight has the shape \(\d+, 8\), here it is \(\d+, 5\)", "sizes"),
        (["model.parts=['encoders.nort']"], "no part 'encoders.nort'", "did you mean 'encoders.north'"),
    ],
)
def test_what_does_not_fit_is_named(plan, source, overrides, error, help):
    with pytest.raises(CodaarError, match=error) as caught:
        run(begun(plan, from_(source), *overrides))
    assert help in caught.value.help


def test_a_source_that_does_not_exist_is_named(plan, tmp_path):
    with pytest.raises(CodaarError, match=f"model.from: {tmp_path} is neither a run directory nor an exported model"):
        run(begun(plan, from_(tmp_path)))


def test_parts_need_a_source(plan):
    with pytest.raises(RecipeError, match="give 'from' too"):
        begun(plan, "model.parts=['quantizer']")
    with pytest.raises(RecipeError, match=r"model.from: expected a string"):
        begun(plan, "model.from=3")
    with pytest.raises(RecipeError, match="did you mean 'from'"):
        begun(plan, "model.form='x'")
