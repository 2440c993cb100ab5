"""Runs with the same pretraining key share a pretraining, bit for bit."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
import tomli
from toy_run import STEPS, toy_plan, toy_recipe

from codaar_core import load_sweep, report, run_sweep
from codaar_core.api import hook
from codaar_core.cli.commands import load_verb
from codaar_core.cli.errors import run_command
from codaar_core.engine import run
from codaar_core.engine.record.pretraining_key import KEY, find_pretraining
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.recipe import load

ARMS = """
extends = ["recipe.toml"]
[sweep.columns]
"north to east" = "toy/north->east/agreement"
[sweep.arms]
one = {evaluate.seeds = [1]}
other = {evaluate.seeds = [2], bench.toy.epochs = 1}
different = {optimizer.lr = 0.02}
"""


class Steps:
    """Counts the training steps of all runs."""

    def __init__(self) -> None:
        self.count = 0

    @hook
    def codaar_step_end(self):
        self.count += 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shared")
    toy_recipe(folder)
    (folder / "sweep.toml").write_text(ARMS)
    return folder


def test_arms_that_differ_in_evaluation_pretrain_once_with_the_scores_of_separate_runs(folder, tmp_path):
    steps, sweep = Steps(), load_sweep(folder / "sweep.toml")
    one, other, different = run_sweep(sweep, observers=lambda plan: [steps])
    assert steps.count == 2 * 3 * STEPS, "one and other share a pretraining, different has its own"
    for arm, measured in zip(sweep.arms, (one, other, different), strict=True):
        [plan], [shared] = arm.plans, measured.results
        elsewhere = attrs.evolve(plan, run=attrs.evolve(plan.run, directory=str(tmp_path)))
        apart = report.read(run(elsewhere))
        assert shared.transfers == apart.transfers and shared.codes == apart.codes and shared.curves == apart.curves
    first, second = (measured.results[0] for measured in (one, other))
    assert second.pretraining.run == first.directory and second.seconds["pretrain"] == first.seconds["pretrain"]
    assert second.pretraining.epoch_minutes == first.pretraining.epoch_minutes
    assert different.results[0].pretraining.run == first.pretraining.run == ""


def test_a_run_reuses_a_pretraining_only_on_request(folder, tmp_path, capsys):
    arguments = [str(folder / "recipe.toml"), "-o", f"run.directory={str(tmp_path)!r}", "-o", "run.name=first"]
    assert run_command(load_verb("run"), arguments) == 0
    assert "same pretraining" not in "".join(capsys.readouterr())
    arguments[-1] = "run.name=second"
    assert run_command(load_verb("run"), [*arguments, "--reuse", "-o", "evaluate.seeds=[5]"]) == 0
    [first] = (tmp_path / "first").iterdir()
    assert f"pretraining of {first} is reused up to step {3 * STEPS}" in capsys.readouterr().out
    with pytest.warns(UserWarning, match=f"{tmp_path}.* has the same pretraining: --reuse takes it over"):
        assert run_command(load_verb("run"), arguments) == 0
    assert len([*(tmp_path / "second").iterdir()]) == 2


def test_the_key_has_what_shapes_the_weights_and_nothing_else(tmp_path):
    plan = toy_plan(tmp_path, "run.epochs=1", "evaluate.on=[]")
    directory = run(plan)
    key = tomli.loads((directory / "lock.toml").read_text())[KEY]
    assert find_pretraining(plan, key) == RunDirectory(directory)

    def key_of(*overrides: str) -> str:
        changed = load(plan.source, [*plan.overrides, f"run.directory={str(tmp_path / 'x')!r}", *overrides])
        return tomli.loads((run(changed) / "lock.toml").read_text())[KEY]

    assert key_of("run.name='another'", "run.log_every=3", "evaluate.seeds=[9]", "device.on='auto'") == key
    others = ["run.seed=7", "model.losses=[]", "data.batch=4", "device.dtype='float64'", "model.align=['pull']"]
    assert key not in [key_of(each) for each in others if each != "model.losses=[]"]


def test_an_unfinished_or_damaged_pretraining_is_not_reused(tmp_path):
    plan = toy_plan(tmp_path, "run.epochs=1", "evaluate.on=[]")
    directory = run(plan)
    key = tomli.loads((directory / "lock.toml").read_text())[KEY]
    (directory / "checkpoints" / f"step-{STEPS}" / "train.safetensors").write_bytes(b"")
    with pytest.warns(UserWarning, match="is damaged"):
        assert find_pretraining(plan, key) is None
    assert find_pretraining(plan, "0" * 64) is None
