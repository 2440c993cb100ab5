"""run.updates_per_step: several passes and codebook updates, one step of the optimizer; against an explicit loop."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from toy_run import STEPS, toy_plan, toy_session

from codaar_core.api import StepView, hook
from codaar_core.engine import run
from codaar_core.engine.assembly.build import build_data
from codaar_core.engine.devices.runtime import derive_seed
from codaar_core.engine.record.resume import unfinished_run
from codaar_core.engine.training.batches import BatchSchedule
from codaar_core.engine.training.codebook_update import update_codebooks
from codaar_core.engine.training.loop import pretrain
from codaar_core.engine.training.optimizer import clip_gradients, make_optimizer
from codaar_core.recipe import RecipeError

COMPONENTS = '''
import torch

from codaar_core.api import Loss
from codaar_core.testing.environment import toy_model


class DropoutEncoder(toy_model.ToyEncoder):
    """A linear map of features with dropout."""

    def forward(self, features):
        values = torch.dropout(features.values, 0.5, self.training)
        return super().forward(features._replace(values=values))


class Pull(Loss):
    """Pulls latents to a moving mean, and draws; counts its inner steps."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.register_buffer("mean", torch.zeros(context.latent.width))
        self.register_buffer("inner", torch.zeros(()))

    def inner_step(self, view):
        self.inner += 1
        self.mean.lerp_(next(iter(view.encoded.values())).semantic.detach().mean((0, 1)), 0.5)

    def forward(self, view):
        drawn = torch.rand((), generator=view.generator)
        return {m: drawn * (e.semantic - self.mean).square().mean() for m, e in view.encoded.items()}
'''
SETTINGS = (
    "device.dtype='float64'",
    "model.losses=['reconstruction', 'pull']",
    "losses.pull.use='local:pull'",
    "model.align=['pull']",
    "encoders.north.use='local:dropout-encoder'",
    "run.epochs=2",
)


def plan_of(folder: Path, *overrides: str):
    folder.mkdir(exist_ok=True)
    return toy_plan(folder, *SETTINGS, *overrides, components=COMPONENTS)


class Logged:
    """Keeps the values of the steps."""

    def __init__(self) -> None:
        self.values: list[dict[str, float]] = []

    @hook
    def codaar_step_logged(self, values) -> None:
        self.values.append(dict(values))


def trained(plan, folder: Path) -> tuple[dict[str, torch.Tensor], list[dict[str, float]]]:
    logged = Logged()
    with toy_session(plan, folder, [logged]) as session:
        pretrain(session, build_data(plan).split("pretrain"), make_optimizer(session.model, plan.optimizer))
        return {name: value.clone() for name, value in session.model.state_dict().items()}, logged.values


def explicit_loop(plan, folder: Path, updates: int, first: tuple[str, ...]) -> tuple[dict, list[float]]:
    """The same training, written out."""
    totals = []
    with toy_session(plan, folder) as session:
        model, split = session.model, build_data(plan).split("pretrain")
        optimizer, schedule = make_optimizer(model, plan.optimizer), BatchSchedule.of(len(split), plan.batch)
        for epoch in range(plan.run.epochs):
            for step, clips in schedule.batches(plan.run.seed, epoch, 0):
                inputs = session.runtime.to_device(split[list(clips)], model.modalities).inputs
                torch.manual_seed(derive_seed(plan.run.seed, "step", step, 0))
                host, device = session.runtime.shared_generators(derive_seed(plan.run.seed, "shared", step))
                optimizer.zero_grad()
                total = 0.0
                for number in range(updates):
                    last = number == updates - 1
                    encoded = model.encode(inputs)
                    quantized = model.quantizer.quantize(encoded)
                    decoded = model.decode(encoded, quantized)
                    view = StepView(inputs, encoded, quantized, decoded, epoch, step, host)
                    if not last or updates == 1:
                        model.losses["pull"].inner_step(view)
                    read = [n for n in model.losses if ((number == 0) if n in first else last)]
                    values = [value for name in read for value in model.losses[name](view).values()]
                    if values:
                        sum(values).backward()
                        total += float(sum(values).detach())
                    if last:
                        clip_gradients(model, plan.optimizer.clip)
                        optimizer.step()
                    update_codebooks(model.quantizer, model.align, encoded, quantized, device, session.runtime.ranks)
                totals.append(total)
        return dict(model.state_dict()), totals


@pytest.mark.parametrize("updates", [1, 2, 4])
@pytest.mark.parametrize("first", [(), ("pull",)])
def test_a_step_is_that_of_the_explicit_loop(tmp_path, updates: int, first: tuple[str, ...]) -> None:
    passes = [f'losses.{name}.pass="first"' for name in first]
    plan = plan_of(tmp_path, f"run.updates_per_step={updates}", *passes)
    weights, logged = trained(plan, tmp_path / "ours")
    expected, totals = explicit_loop(plan, tmp_path / "theirs", updates, first)
    assert weights.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(weights[name], value, rtol=0, atol=1e-12)
    assert weights["losses.pull.inner"] == 2 * STEPS * max(1, updates - 1)
    assert [each["total"] for each in logged] == pytest.approx(totals, abs=1e-12)
    assert all({"pull.north", "pull.east", "reconstruction.north"} <= each.keys() for each in logged)


def test_one_update_is_the_default_and_two_are_another_training(tmp_path) -> None:
    default, _ = trained(plan_of(tmp_path), tmp_path / "default")
    one, _ = trained(plan_of(tmp_path, "run.updates_per_step=1", 'losses.pull.pass="first"'), tmp_path / "one")
    two, _ = trained(plan_of(tmp_path, "run.updates_per_step=2"), tmp_path / "two")
    assert all(torch.equal(one[name], value) for name, value in default.items())
    assert not torch.equal(two["quantizer.books"], default["quantizer.books"])


@pytest.mark.parametrize("first", ["first", "last"])
def test_micro_batches_add_up_in_every_pass(tmp_path, first: str) -> None:
    """Without dropout and draws, a step in parts is the step in one."""
    settings = ("run.updates_per_step=3", f'losses.reconstruction.pass="{first}"', "losses.pull.weight=0")
    plain = ("encoders.north.use='local:toy-encoder'", *settings)
    whole, _ = trained(plan_of(tmp_path, *plain), tmp_path / "whole")
    parts, _ = trained(plan_of(tmp_path, *plain, "data.accumulate=4"), tmp_path / "parts")
    for name, value in whole.items():
        if not name.startswith("losses."):  # its inner steps see parts
            torch.testing.assert_close(parts[name], value, rtol=0, atol=1e-10)


class StopAfter:
    """Interrupts the run after a step, as a signal does."""

    def __init__(self, step: int) -> None:
        self.step = step

    @hook
    def codaar_step_end(self, step) -> None:
        if step + 1 == self.step:
            raise KeyboardInterrupt


def test_a_run_is_resumed_bit_for_bit(tmp_path) -> None:
    overrides = ("run.updates_per_step=3", 'losses.pull.pass="first"', "evaluate.on=[]")
    whole = run(plan_of(tmp_path / "whole", *overrides))
    plan = plan_of(tmp_path / "stopped", *overrides)
    with pytest.raises(KeyboardInterrupt):
        run(plan, observers=[StopAfter(STEPS + 2)])
    resumed = run(plan, resume=unfinished_run(plan))
    files = [sorted(each.glob("checkpoints/step-*"))[-1] / "model.safetensors" for each in (whole, resumed)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_some_loss_must_read_the_last_pass(tmp_path) -> None:
    both = ("run.updates_per_step=2", 'losses.pull.pass="first"', 'losses.reconstruction.pass="first"')
    with pytest.raises(RecipeError, match="no loss reads the last pass: losses.reconstruction, losses.pull"):
        plan_of(tmp_path, *both)
