"""Loss scaling for float16: scaling, skipped steps, and state in checkpoints."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from smallest import SMALLEST
from torch import nn

import codaar_core
from codaar_core.engine.record.checkpoint import load_training, newest_checkpoint, save_checkpoint
from codaar_core.engine.record.checkpoint_state import CheckpointState
from codaar_core.engine.training import loss_scale
from codaar_core.engine.training.loss_scale import LossScale
from codaar_core.engine.training.nonfinite_guard import NonfiniteGuard

CPU = torch.device("cpu")


@pytest.mark.parametrize("autocast_dtype", [None, torch.bfloat16])
def test_inactive_without_float16(autocast_dtype):
    scale, parameter = LossScale(CPU, autocast_dtype), nn.Parameter(torch.ones(2))
    loss = parameter.sum()
    scale.scale(loss).backward()
    scale.unscale([parameter])
    assert parameter.grad.tolist() == [1, 1] and not scale.state
    norm, skipped = scale.update(torch.tensor(math.inf))
    assert norm == math.inf and not skipped


@given(st.lists(st.sampled_from([0.0, 1.0, math.inf, math.nan]), max_size=60), st.integers(1, 4))
def test_factor_is_halved_on_overflow_and_doubled_after_growth_interval(norms, growth_interval):
    """Against a reference implementation in Python numbers."""
    scale = LossScale(CPU, torch.float16)
    factor, good = 2.0**16, 0
    for norm in norms:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loss_scale, "GROWTH_INTERVAL", growth_interval)
            given, skipped = scale.update(torch.tensor(norm))
        finite = math.isfinite(norm)
        assert bool(skipped) == (not finite and factor > 1)
        assert given == (0 if skipped else norm) or (math.isnan(norm) and not skipped)
        if skipped:
            factor, good = factor / 2, 0
        else:
            good += 1
            if good == growth_interval:
                factor, good = factor * 2, 0
        assert (scale.state["factor"].item(), scale.state["good"].item()) == (factor, good)


def test_unscaled_gradients_equal_gradients_of_the_loss():
    scale, parameter = LossScale(CPU, torch.float16), nn.Parameter(torch.tensor([1.0, 2.0]))
    scale.scale(parameter.square().sum()).backward()
    assert parameter.grad.tolist() == [2.0 * 2**16, 4.0 * 2**16]
    scale.unscale([parameter, nn.Parameter(torch.ones(1))])
    assert parameter.grad.tolist() == [2, 4]


def test_skipped_step_changes_nothing_and_next_step_trains():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1, fused=True)
    scale, guard = LossScale(CPU, torch.float16), NonfiniteGuard(model, optimizer)
    for step, broken in enumerate([True, False]):
        before = {name: value.clone() for name, value in model.state_dict().items()}
        guard.begin_step(0, step)
        guard.save()
        optimizer.zero_grad()
        scale.scale(model(torch.randn(4, 3)).square().sum() * (1e38 if broken else 1.0)).backward()
        scale.unscale(model.parameters())
        norm, skipped = scale.update(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0))
        guard.check({"total": torch.zeros(()), "grad_norm": norm}, skipped)
        optimizer.step()
        guard.end_step()
        unchanged = [torch.equal(before[name], value) for name, value in model.state_dict().items()]
        assert all(unchanged) if broken else not any(unchanged)
    assert guard.failure() is None
    assert scale.state["factor"] == 2**15


def test_checkpoint_restores_state(tmp_path):
    model = nn.ModuleDict({"body": nn.Linear(2, 2)})
    model.losses = nn.ModuleDict()
    optimizer, scale = torch.optim.Adam(model.parameters()), LossScale(CPU, torch.float16)
    scale.update(torch.tensor(math.inf))
    scale.update(torch.tensor(1.0))
    save_checkpoint(tmp_path, CheckpointState(2), model, optimizer, scale.state)
    other = LossScale(CPU, torch.float16)
    _, extra_state = load_training(newest_checkpoint(tmp_path), model, optimizer)
    other.load(extra_state)
    assert {name: value.item() for name, value in other.state.items()} == {"factor": 2.0**15, "good": 1.0}


def test_run_with_fp16_autocast_trains(root, tmp_path):
    run = codaar_core.run(
        root / "recipes" / "avt.toml",
        overrides=(*SMALLEST, 'device.autocast="fp16"', "evaluate.on=[]", f"run.directory={str(tmp_path)!r}"),
    )
    model = codaar_core.open_model(run)
    assert all(weight.isfinite().all() for weight in model.model.state_dict().values())
