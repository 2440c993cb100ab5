"""From the first non-finite step on, weights, buffers and optimizer state stay as they were before it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from codaar_core.engine.training.nonfinite_guard import NonfiniteGuard


def trained(breaks_at: int | None, broken: str, dtype: torch.dtype) -> tuple[dict[str, torch.Tensor], NonfiniteGuard]:
    """Train six steps; at step ``breaks_at`` the input is NaN, and so are loss, gradients and a buffer."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).to(dtype)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)
    guard = NonfiniteGuard(model, optimizer)
    for step in range(6):
        guard.begin_step(1, step)
        guard.save()
        x = torch.randn(4, 3, generator=torch.Generator().manual_seed(step)).to(dtype)
        if step == breaks_at:
            x = x * torch.nan
        loss = model(x).square().mean() + model[0].weight.sum()
        optimizer.zero_grad()
        loss.backward()
        finite = torch.zeros((), dtype=dtype)
        values = {"loss": finite, "grad_norm": loss} if broken == "gradient" else {"loss": loss}
        guard.check(values, skipped=torch.tensor(False))
        optimizer.step()
        guard.end_step()
        if step + 1 == breaks_at:
            before = {name: value.clone() for name, value in model.state_dict().items()}
    if breaks_at is None:
        return model.state_dict(), guard
    after = model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in after)
    assert all(torch.isfinite(moment).all() for state in optimizer.state.values() for moment in state.values())
    assert {float(state["step"]) for state in optimizer.state.values()} == {float(breaks_at)}
    return after, guard


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("broken", ["loss", "gradient"])
@pytest.mark.parametrize("step", [1, 3, 5])
def test_state_is_frozen_at_first_nonfinite_step(step, broken, dtype):
    _, guard = trained(step, broken, dtype)
    failure = guard.failure()
    assert (failure["epoch"], failure["step"]) == (1, step)
    assert failure["loss"] == 0 if broken == "gradient" else failure["loss"] != failure["loss"]


def test_finite_run_trains_and_reports_no_failure():
    state, guard = trained(None, "loss", torch.float32)
    assert guard.failure() is None
    assert state["1.num_batches_tracked"] == 6


@pytest.mark.parametrize("breaks_at", [0, 2])
def test_state_owned_by_losses_is_restored(breaks_at):
    """It changes before the check: an estimator with its own optimizer, and a moving-average teacher."""
    torch.manual_seed(0)
    model = nn.ModuleDict({name: nn.Linear(2, 2) for name in ("student", "teacher", "estimator")})
    model["teacher"].requires_grad_(False)
    optimizer = torch.optim.Adam(model["student"].parameters(), lr=0.1, fused=True)
    loss_optimizer = torch.optim.Adam(model["estimator"].parameters(), lr=0.1)
    guard = NonfiniteGuard(model, optimizer, [loss_optimizer])
    for step in range(4):
        if step == breaks_at:
            before = {name: value.clone() for name, value in model.state_dict().items()}
        guard.begin_step(0, step)
        guard.save()
        x = torch.ones(3, 2) * (torch.nan if step == breaks_at else 1.0)
        with torch.no_grad():
            model["teacher"].weight.lerp_(model["student"].weight + 1, 0.5)
        loss_optimizer.zero_grad()
        model["estimator"](x).square().sum().backward()
        loss_optimizer.step()
        optimizer.zero_grad()
        loss = model["student"](x).square().sum()
        loss.backward()
        guard.check({"loss": loss.detach()}, skipped=torch.tensor(False))
        optimizer.step()
        guard.end_step()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    moments = [each for state in loss_optimizer.state.values() for each in state.values()]
    assert moments and all(each.isfinite().all() for each in moments)
