"""From the first step that fails nothing changes any more, and the host need not look at once."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from codaar_core.engine.health import Health


def trained(breaks_at: int | None, broken: str, dtype: torch.dtype) -> tuple[dict[str, torch.Tensor], Health]:
    """A model after six steps; at one of them a value becomes NaN, and with it gradients and a buffer."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).to(dtype)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)
    health = Health(model, optimizer)
    for step in range(6):
        health.begin()
        x = torch.randn(4, 3, generator=torch.Generator().manual_seed(step)).to(dtype)
        if step == breaks_at:
            x = x * torch.nan
        loss = model(x).square().mean() + model[0].weight.sum()
        optimizer.zero_grad()
        loss.backward()
        finite = torch.zeros((), dtype=dtype)
        health.judge(1, step, {"loss": finite, "grad_norm": loss} if broken == "gradient" else {"loss": loss})
        optimizer.step()
        health.end()
        if step + 1 == breaks_at:
            before = {name: value.clone() for name, value in model.state_dict().items()}
    if breaks_at is None:
        return model.state_dict(), health
    after = model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in after)
    assert all(torch.isfinite(moment).all() for state in optimizer.state.values() for moment in state.values())
    assert {float(state["step"]) for state in optimizer.state.values()} == {float(breaks_at)}
    return after, health


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("broken", ["loss", "gradient"])
@pytest.mark.parametrize("step", [1, 3, 5])
def test_the_state_is_that_before_the_step_that_failed(step, broken, dtype):
    _, health = trained(step, broken, dtype)
    failure = health.failure()
    assert (failure["epoch"], failure["step"]) == (1, step)
    assert failure["loss"] == 0 if broken == "gradient" else failure["loss"] != failure["loss"]


def test_a_healthy_run_changes_and_reports_nothing():
    state, health = trained(None, "loss", torch.float32)
    assert health.failure() is None
    assert state["1.num_batches_tracked"] == 6
