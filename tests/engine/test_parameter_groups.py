"""[optimizer.groups]: which parameters have which rate and decay, and groups that are refused."""

from __future__ import annotations

import pytest
import tomli_w
import torch
from toy_run import toy_plan, toy_session

from codaar_core.engine.assembly.build import build_data
from codaar_core.engine.record.checkpoint import load_training, newest_checkpoint
from codaar_core.engine.training.loop import pretrain
from codaar_core.engine.training.optimizer import make_optimizer, schedule_learning_rate, scheduled_values
from codaar_core.recipe import RecipeError, load

ENCODERS = "optimizer.groups.encoders={lr=1e-3, weight_decay=0.1}"
NORTH = 'optimizer.groups."encoders.north".lr=1e-4'


def train(folder, *overrides: str) -> dict[str, torch.Tensor]:
    plan = toy_plan(folder, *overrides, "run.epochs=1")
    with toy_session(plan, folder / "run") as session:
        pretrain(session, build_data(plan).split("pretrain"), make_optimizer(session.model, plan.optimizer))
        return {name: value.clone() for name, value in session.model.state_dict().items()}


def test_the_longest_prefix_decides(tmp_path) -> None:
    plan = toy_plan(tmp_path, ENCODERS, NORTH)
    with toy_session(plan, tmp_path / "run") as session:
        names = {parameter: name for name, parameter in session.model.named_parameters()}
        optimizer = make_optimizer(session.model, plan.optimizer)
        groups = [
            ({names[each].rpartition(".latents")[0] or "decoders" for each in group["params"]}, group)
            for group in optimizer.param_groups
        ]
        assert [parts for parts, _ in groups] == [{"decoders"}, {"encoders.east"}, {"encoders.north"}]
        assert [(group["lr"], group["weight_decay"]) for _, group in groups] == [(0.01, 0), (1e-3, 0.1), (1e-4, 0)]
        assert sum(len(group["params"]) for _, group in groups) == len(names)


def test_the_schedule_applies_to_every_group(tmp_path) -> None:
    plan = toy_plan(tmp_path, ENCODERS, "optimizer.schedule='linear'")
    with toy_session(plan, tmp_path / "run") as session:
        optimizer = make_optimizer(session.model, plan.optimizer)
        schedule_learning_rate(optimizer, plan.optimizer, step=5, epoch_steps=10, epochs=1)
        logged = scheduled_values(optimizer, plan, session.model)
    assert logged == pytest.approx({"lr": 0.005, "lr.encoders": 0.0005})


def test_groups_with_the_settings_of_the_rest_change_nothing(tmp_path) -> None:
    plain = train(tmp_path)
    same = train(tmp_path, "optimizer.groups.encoders.lr=0.01")
    assert all(torch.equal(value, same[name]) for name, value in plain.items())


def test_a_group_with_a_tiny_rate_stays_and_the_others_move(tmp_path) -> None:
    with toy_session(toy_plan(tmp_path), tmp_path / "start") as session:
        before = {name: value.detach().clone() for name, value in session.model.named_parameters()}
    after = train(tmp_path, "optimizer.groups.encoders.lr=1e-12")
    moved = {name: float((after[name] - value).abs().max()) for name, value in before.items()}
    assert all((change < 1e-9) == name.startswith("encoders.") for name, change in moved.items())


def test_a_checkpoint_with_groups_restores_every_moment(tmp_path) -> None:
    train(tmp_path, ENCODERS, NORTH)
    plan = toy_plan(tmp_path, ENCODERS, NORTH)
    with toy_session(plan, tmp_path / "run") as session:
        optimizer = make_optimizer(session.model, plan.optimizer)
        load_training(newest_checkpoint(session.directory.checkpoints), session.model, optimizer)
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                assert optimizer.state[parameter]["exp_avg"].shape == parameter.shape


def test_resolved_groups_resolve_to_themselves(tmp_path) -> None:
    plan = toy_plan(tmp_path, ENCODERS, NORTH)
    (tmp_path / "resolved.toml").write_text(tomli_w.dumps(plan.resolved), "utf-8")
    assert load(tmp_path / "resolved.toml").resolved == plan.resolved


@pytest.mark.parametrize(
    ("groups", "message", "help"),
    [
        ("{encoder={lr=1}}", "no trained parameter has a name in 'encoder'", "did you mean 'encoders'?"),
        ("{'encoders.nord'={lr=1}}", "no trained parameter has a name in 'encoders.nord'", "'encoders.north'"),
        ("{rest={lr=1}}", "no trained parameter has a name in 'rest'", "names begin with encoders, decoders"),
        (
            "{encoders={lr=1}, 'encoders.north'={lr=1}, 'encoders.east'={lr=1}}",
            "other groups name every part of 'encoders'",
            "remove 'encoders'",
        ),
        ("{encoders={lrr=1}}", "[optimizer.groups.encoders] has no setting 'lrr'", "did you mean 'lr'?"),
        ("{encoders={}}", "[optimizer.groups.encoders]: give 'lr' or 'weight_decay'", ""),
        ("{encoders=1}", "optimizer.groups.encoders: expected a table, got", "write { lr = ..., weight_decay = ... }"),
        ("1", "optimizer.groups: expected a table of tables, got", "write { NAME = { lr = ..., weight_decay = ... } }"),
        ("{encoders={lr=0}}", "optimizer.groups.encoders.lr must be > 0", ""),
    ],
)
def test_refused_groups(tmp_path, groups: str, message: str, help: str) -> None:
    with pytest.raises(RecipeError) as raised, toy_session(toy_plan(tmp_path, f"optimizer.groups={groups}"), tmp_path):
        pass
    problem = raised.value.problems[0]
    assert message in problem.message and help in problem.help and problem.origin is not None
