"""data.accumulate: a step in several passes is the step in one, with one update of the codebooks."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toy_run import STEPS, toy_plan, toy_session

from codaar_core.api import CodaarError, Features, hook
from codaar_core.engine.assembly.build import build_data
from codaar_core.engine.training.loop import pretrain
from codaar_core.engine.training.optimizer import make_optimizer
from codaar_core.engine.training.passes.micro_batches import micro_batches, refuse_several_processes
from codaar_core.recipe import RecipeError

DOUBLE = ("device.dtype='float64'", "model.align=['pull']", "run.epochs=2", "losses.reconstruction.weight=3")


class Watch:
    """Keeps what hooks are told, and how often the quantizer is called."""

    def __init__(self) -> None:
        self.calls = {"quantize": 0, "update": 0}
        self.values: list[dict[str, float]] = []
        self.clips: list[tuple[int, int, int]] = []

    @hook
    def codaar_step_logged(self, values) -> None:
        self.values.append(dict(values))

    @hook
    def codaar_step_end(self, view) -> None:
        records = (view.inputs["north"].values, view.encoded["north"].semantic, view.quantized["north"].indices)
        self.clips.append(tuple(map(len, records)))

    def count(self, quantizer, monkeypatch) -> None:
        for name in self.calls:
            monkeypatch.setattr(quantizer, name, self._counted(name, getattr(quantizer, name)))

    def _counted(self, name, function):
        def counted(*arguments):
            self.calls[name] += 1
            return function(*arguments)

        return counted


def train(folder, monkeypatch, *overrides: str) -> tuple[dict[str, torch.Tensor], Watch]:
    watch = Watch()
    plan = toy_plan(folder, *DOUBLE, *overrides)
    with toy_session(plan, folder / "run", [watch]) as session:
        watch.count(session.model.quantizer, monkeypatch)
        pretrain(session, build_data(plan).split("pretrain"), make_optimizer(session.model, plan.optimizer))
        return {name: value.clone() for name, value in session.model.state_dict().items()}, watch


@pytest.mark.parametrize("passes", [2, 3, 8, 100])
def test_several_passes_give_the_step_of_one(tmp_path, monkeypatch, passes: int) -> None:
    whole, one = train(tmp_path, monkeypatch)
    parts, several = train(tmp_path, monkeypatch, f"data.accumulate={passes}")
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, rtol=0, atol=1e-10)
    for ours, expected in zip(several.values, one.values, strict=True):
        assert ours == pytest.approx(expected, abs=1e-10)
    assert several.calls == {"quantize": min(passes, 8) * 2 * STEPS, "update": 2 * STEPS}
    assert several.clips == one.clips == [(8, 8, 8)] * 2 * STEPS


def test_the_law_can_fail(tmp_path, monkeypatch) -> None:
    """Another batch size is not the same step."""
    whole, _ = train(tmp_path, monkeypatch)
    small, _ = train(tmp_path, monkeypatch, "data.batch=4")
    assert max(float((small[name] - value).abs().max()) for name, value in whole.items()) > 1e-4


@given(clips=st.integers(1, 30), most=st.integers(1, 40))
def test_parts_have_every_clip_once_and_shares_add_up(clips: int, most: int) -> None:
    values = torch.arange(clips).view(-1, 1, 1)
    inputs = {"a": Features(values, values[..., 0] % 2 == 0), "b": Features(values)}
    parts = list(micro_batches(inputs, most))
    assert len(parts) == min(clips, most)
    assert torch.equal(torch.cat([part["a"].values for part, _ in parts]), values)
    assert torch.equal(torch.cat([part["a"].mask for part, _ in parts]), inputs["a"].mask)
    assert all(part["b"].mask is None for part, _ in parts)
    assert sum(share for _, share in parts) == pytest.approx(1)
    sizes = [len(part["a"].values) for part, _ in parts]
    assert min(sizes) >= 1 and max(sizes) - min(sizes) <= 1


def test_several_processes_are_refused(tmp_path) -> None:
    plan = toy_plan(tmp_path, "data.accumulate=4")
    refuse_several_processes(plan, SimpleNamespace(size=1))
    with pytest.raises(CodaarError, match="data.accumulate = 4 works in one process, not in 2"):
        refuse_several_processes(plan, SimpleNamespace(size=2))
    refuse_several_processes(toy_plan(tmp_path), SimpleNamespace(size=2))


def test_no_pass_is_refused(tmp_path) -> None:
    with pytest.raises(RecipeError, match="data.accumulate must be >= 1"):
        toy_plan(tmp_path, "data.accumulate=0")
