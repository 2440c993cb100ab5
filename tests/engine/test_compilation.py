"""device.compile gives the same model, or says why nothing is compiled."""

from __future__ import annotations

import shutil

import pytest
import torch
from toy_run import toy_plan, toy_session

from codaar_core.engine.assembly.build import build_data
from codaar_core.engine.training.loop import pretrain
from codaar_core.engine.training.optimizer import make_optimizer


def weights_after_an_epoch(folder, compiled: bool) -> dict[str, torch.Tensor]:
    plan = toy_plan(folder, "run.epochs=1", f"device.compile={str(compiled).lower()}")
    with toy_session(plan, folder / "run") as session:
        pretrain(session, build_data(plan).split("pretrain"), make_optimizer(session.model, plan.optimizer))
        return {name: value.clone() for name, value in session.model.state_dict().items()}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch's compiler for CPUs needs g++")
def test_a_compiled_model_trains_like_the_other(tmp_path) -> None:
    from torch._dynamo.utils import counters

    expected = weights_after_an_epoch(tmp_path, compiled=False)
    counters.clear()
    found = weights_after_an_epoch(tmp_path, compiled=True)
    assert counters["stats"]["unique_graphs"] >= 2  # encoders and decoders; equal ones share a graph
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5, msg=name)


def test_without_a_compiler_a_warning_says_why_and_training_goes_on(tmp_path, monkeypatch) -> None:
    def broken(function):
        def fail(_):
            raise RuntimeError("no C++ compiler\nmore of it")

        return fail

    expected = weights_after_an_epoch(tmp_path, compiled=False)
    monkeypatch.setattr(torch, "compile", broken)
    with pytest.warns(UserWarning, match="no C"):
        found = weights_after_an_epoch(tmp_path, compiled=True)
    assert all(torch.equal(value, expected[name]) for name, value in found.items())
