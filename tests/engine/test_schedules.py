"""Learning rates and weights of losses by step: against torch, across interruptions, and what is refused."""

from __future__ import annotations

import signal
from pathlib import Path

import jsonschema
import pytest
import tomli_w
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler
from toy_run import STEPS, toy_plan, toy_session

from codaar_core.api import CodaarError, hook
from codaar_core.engine.assembly.build import build_data
from codaar_core.engine.devices.signals import Interrupted
from codaar_core.engine.lifecycle.start import restored_optimizer
from codaar_core.engine.record.checkpoint import newest_checkpoint
from codaar_core.engine.run import run
from codaar_core.engine.training.loop import pretrain
from codaar_core.engine.training.optimizer import schedule_factor, schedule_learning_rate
from codaar_core.recipe import RecipeError, explain, load, schema
from codaar_core.recipe.settings import OptimizerSettings
from codaar_core.recipe.toml.duration import duration_steps

EPOCHS = 3


class Rates:
    """Keeps the logged values of each step, and stops the run after one of them."""

    def __init__(self, stop: int = 0) -> None:
        self.values: list[dict[str, float]] = []
        self.stop = stop
        self.session = None

    @property
    def rates(self) -> list[float]:
        return [values["lr"] for values in self.values]

    @hook
    def codaar_step_logged(self, step, values) -> None:
        self.values.append(dict(values))
        if step == self.stop:
            self.session.interruption.by = signal.SIGTERM


def train(folder: Path, overrides: tuple[str, ...], observer: Rates) -> dict[str, torch.Tensor]:
    """Train in ``folder`` from its newest checkpoint, or from the start; returns the weights."""
    plan = toy_plan(folder.parent, *overrides)
    with toy_session(plan, folder, [observer]) as session:
        observer.session = session
        checkpoints = session.directory.checkpoints
        checkpoint = newest_checkpoint(checkpoints) if checkpoints.exists() else None
        optimizer, done = restored_optimizer(session, checkpoint)
        pretrain(session, build_data(plan).split("pretrain"), optimizer, done)
        return {name: value.clone() for name, value in session.model.state_dict().items()}


def torch_rates(schedule: str, warmup: int, total: int) -> list[float]:
    """The rates of torch's own schedulers, in sequence."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    rest = total - warmup
    later = {
        "cosine": lambda: lr_scheduler.CosineAnnealingLR(optimizer, T_max=rest),
        "linear": lambda: lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=rest),
        "constant": lambda: lr_scheduler.ConstantLR(optimizer, factor=1.0),
    }[schedule]
    parts = [later()]
    if warmup:
        first = lr_scheduler.LinearLR(optimizer, start_factor=1 / warmup, total_iters=warmup - 1)
        parts = [first, later()]
    scheduler = lr_scheduler.SequentialLR(optimizer, parts, milestones=[warmup] if warmup else [])
    rates = []
    for _ in range(total):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step")
@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
@pytest.mark.parametrize("warmup", [0, 2, 7])
def test_rates_are_those_of_torch(schedule: str, warmup: int) -> None:
    settings = OptimizerSettings(lr=0.3, schedule=schedule, warmup=f"{warmup} steps")
    rates = [schedule_factor(settings, step, 10, EPOCHS) for step in range(10 * EPOCHS)]
    assert rates == pytest.approx(torch_rates(schedule, warmup, 10 * EPOCHS), rel=1e-9, abs=1e-12)


@given(
    lr=st.floats(1e-6, 1.0),
    gamma=st.floats(0.01, 1.0),
    milestones=st.lists(st.integers(0, 9), max_size=4, unique=True),
    step=st.integers(0, 99),
)
def test_the_default_is_exactly_that_of_earlier_versions(lr: float, gamma: float, milestones: list[int], step) -> None:
    settings = OptimizerSettings(lr=lr, gamma=gamma, milestones=tuple(milestones))
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    schedule_learning_rate(optimizer, settings, step, 10, 10)
    assert optimizer.param_groups[0]["lr"] == lr * gamma ** sum(step // 10 >= milestone for milestone in milestones)


def test_milestones_and_warm_up_multiply() -> None:
    settings = OptimizerSettings(milestones=(1,), gamma=0.1, warmup="2 epochs")
    shares = [schedule_factor(settings, step, 2, 3) for step in range(6)]
    assert shares == pytest.approx([0.25, 0.5, 0.075, 0.1, 0.1, 0.1])


@pytest.mark.parametrize(
    ("written", "steps"),
    [(0, 0), ("0 steps", 0), ("0 epochs", 0), ("1 epoch", 7), ("2 epochs", 14), ("0.5 epochs", 4), ("0.01 epochs", 1)]
    + [("1 step", 1), ("500 steps", 500)],
)
def test_durations(written: str | int, steps: int) -> None:
    assert duration_steps(written, 7) == steps


COSINE = ("optimizer.schedule='cosine'", "optimizer.warmup='1 epoch'", f"run.epochs={EPOCHS}")


@pytest.mark.parametrize("stop", [2, STEPS, 2 * STEPS + 1])
def test_a_resumed_run_has_the_rates_and_weights_of_an_uninterrupted_one(tmp_path, stop: int) -> None:
    whole, first, second = Rates(), Rates(stop), Rates()
    expected = train(tmp_path / "whole", COSINE, whole)
    with pytest.raises(Interrupted):
        train(tmp_path / "run", COSINE, first)
    found = train(tmp_path / "run", COSINE, second)
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert first.rates + second.rates == whole.rates
    assert whole.rates[: STEPS + 1] == pytest.approx([0.002, 0.004, 0.006, 0.008, 0.01, 0.01])
    assert whole.rates[-1] < 0.001


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optimizer.warmup='2'", 'optimizer.warmup must be "2 epochs", "500 steps" or 0'),
        ("optimizer.warmup=500", 'optimizer.warmup must be "2 epochs", "500 steps" or 0'),
        ("optimizer.warmup='-2 epochs'", 'optimizer.warmup must be "2 epochs", "500 steps" or 0'),
        ("optimizer.warmup=1.5", "optimizer.warmup: expected a string or an integer, got the float 1.5"),
        ("optimizer.schedule='cosin'", "optimizer.schedule: expected"),
    ],
)
def test_refused_settings(tmp_path, override: str, message: str) -> None:
    with pytest.raises(RecipeError) as raised:
        toy_plan(tmp_path, override)
    assert message in raised.value.problems[0].message


def test_milestones_without_effect_are_refused(tmp_path) -> None:
    with pytest.raises(RecipeError, match='no effect with schedule = "cosine"'):
        toy_plan(tmp_path, *COSINE, "optimizer.milestones=[1]")


def test_a_finished_run_whose_rates_end_at_zero_is_not_trained_on(tmp_path) -> None:
    finished = run(toy_plan(tmp_path, *COSINE, "run.epochs=1", "evaluate.on=[]"))
    with pytest.raises(CodaarError, match="cannot be trained on: with optimizer.schedule"):
        run(toy_plan(tmp_path, *COSINE, "run.epochs=2", "evaluate.on=[]"), resume=str(finished))


WARM_LOSS = "losses.reconstruction.weight={from=0.5, to=2, over='2 epochs'}"


def test_the_weight_of_a_loss_moves_with_the_step(tmp_path) -> None:
    moving, fixed = Rates(), Rates()
    train(tmp_path / "moving", (WARM_LOSS, f"run.epochs={EPOCHS}"), moving)
    weights = [values["loss_weight.reconstruction"] for values in moving.values]
    assert weights == pytest.approx([min(2.0, 0.5 + 1.5 * step / (2 * STEPS)) for step in range(EPOCHS * STEPS)])
    train(tmp_path / "fixed", ("losses.reconstruction.weight=0.5", "run.epochs=1"), fixed)
    assert moving.values[0]["total"] == fixed.values[0]["total"]  # the same weight at the first step
    assert moving.values[4]["total"] != fixed.values[4]["total"]
    assert "loss_weight.reconstruction" not in fixed.values[0]


def test_a_resumed_run_has_the_weights_of_losses_of_an_uninterrupted_one(tmp_path) -> None:
    whole, first, second = Rates(), Rates(STEPS + 2), Rates()
    expected = train(tmp_path / "whole", (WARM_LOSS,), whole)
    with pytest.raises(Interrupted):
        train(tmp_path / "run", (WARM_LOSS,), first)
    found = train(tmp_path / "run", (WARM_LOSS,), second)
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert first.values + second.values == whole.values


def test_a_resolved_weight_schedule_resolves_to_itself(tmp_path) -> None:
    plan = toy_plan(tmp_path, WARM_LOSS)
    (tmp_path / "resolved.toml").write_text(tomli_w.dumps(plan.resolved), "utf-8")
    assert load(tmp_path / "resolved.toml").resolved == plan.resolved
    shown = {each.path: each.value for each in explain(tmp_path / "resolved.toml")}
    assert shown["losses.reconstruction.weight.over"] == "2 epochs"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{from=0, to=1}", "[losses.reconstruction.weight] needs 'over'"),
        ("{frm=0, to=1, over='1 step'}", "[losses.reconstruction.weight] has no setting 'frm'"),
        ("{from='x', to=1, over='1 step'}", "losses.reconstruction.weight.from: expected a number"),
        ("{from=0, to=1, over=0}", "losses.reconstruction.weight.over must be longer than 0"),
        ("{from=0, to=1e31, over='1 step'}", "losses.reconstruction.weight.to must be <= 1e+30"),
        ("'a'", "weight: expected a number or a table { from = ..., to = ..., over = ... }, got the string"),
        ("1e31", "losses.reconstruction.weight must be <= 1e+30"),
    ],
)
def test_refused_weights(tmp_path, written: str, message: str) -> None:
    with pytest.raises(RecipeError) as raised:
        toy_plan(tmp_path, f"losses.reconstruction.weight={written}")
    assert message in raised.value.problems[0].message


def test_the_schema_accepts_numbers_and_schedules_within_bounds() -> None:
    weight = next(iter(schema()["definitions"]["loss"]["anyOf"]))["properties"]["weight"]
    whole = {**weight, "definitions": {"reference": {}}}
    whole["anyOf"] = [each for each in weight["anyOf"] if "$ref" not in each]
    validator = jsonschema.Draft4Validator(whole)
    course = {"from": 0, "to": 1, "over": "2 epochs"}
    assert validator.is_valid(2) and validator.is_valid(course)
    assert not validator.is_valid(1e31) and not validator.is_valid({**course, "frm": 1})
