"""The pretraining loop: order of a step, what is logged, and that stopping anywhere changes nothing."""

from __future__ import annotations

import math
import signal
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toy_run import STEPS, toy_plan, toy_session

from codaar_core.api import AlignmentStep, Batch, CodaarError, Features, Split, hook
from codaar_core.engine.assembly.build import build_data
from codaar_core.engine.devices.signals import Interrupted
from codaar_core.engine.record.checkpoint import best_checkpoint, load_training, newest_checkpoint
from codaar_core.engine.training.batches import BatchSchedule, Share, own_clips
from codaar_core.engine.training.loop import pretrain
from codaar_core.engine.training.optimizer import clip_gradients, make_optimizer, set_learning_rate
from codaar_core.engine.training.session import Session
from codaar_core.recipe.checking.epoch_metrics import metric_fault


class Log:
    """Keeps what the hooks are told."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int, dict[str, float]]] = []
        self.epochs: list[tuple[int, int, dict[str, float]]] = []

    @hook
    def codaar_step_logged(self, epoch, step, values) -> None:
        self.steps.append((epoch, step, dict(values)))

    @hook
    def codaar_epoch_end(self, epoch, step, values) -> None:
        self.epochs.append((epoch, step, dict(values)))


class StopAfter:
    """Asks for a stop after a step, as a signal does."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.session: Session | None = None

    @hook
    def codaar_step_end(self, step) -> None:
        if step + 1 == self.step:
            self.session.interruption.by = signal.SIGTERM


def train(session: Session, done: int = 0, optimizer: torch.optim.Optimizer | None = None) -> int:
    split = build_data(session.plan).split("pretrain")
    return pretrain(session, split, optimizer or make_optimizer(session.model, session.plan.optimizer), done)


def weights(session: Session) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in session.model.state_dict().items()}


def logged(folder: Path, *overrides: str) -> Log:
    log = Log()
    with toy_session(toy_plan(folder, *overrides), folder / "run", [log]) as session:
        train(session)
    return log


# Which clips at which step


@given(clips=st.integers(1, 40), batch=st.integers(1, 12), epoch=st.integers(0, 3), seed=st.integers(0, 3))
def test_an_epoch_reads_every_clip_once(clips: int, batch: int, epoch: int, seed: int) -> None:
    schedule = BatchSchedule.of(clips, batch)
    steps = list(schedule.batches(seed, epoch, done=0))
    assert [step for step, _ in steps] == list(range(epoch * schedule.steps, (epoch + 1) * schedule.steps))
    assert Counter(clip for _, indices in steps for clip in indices) == Counter(range(clips))
    assert all(len(indices) == batch for _, indices in steps[:-1])


@given(done=st.integers(0, 15), seed=st.integers(0, 3))
def test_the_steps_already_done_are_left_out_and_the_others_stay(done: int, seed: int) -> None:
    schedule = BatchSchedule.of(20, 4)
    everything = [step for epoch in range(3) for step in schedule.batches(seed, epoch, 0)]
    rest = [step for epoch in range(3) for step in schedule.batches(seed, epoch, done)]
    assert rest == everything[done:]


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    schedule = BatchSchedule.of(30, 30)
    orders = [
        tuple(indices) for seed, epoch in ((0, 0), (0, 1), (1, 0)) for _, indices in schedule.batches(seed, epoch, 0)
    ]
    assert len(set(orders)) == 3


def test_an_empty_split_is_refused() -> None:
    with pytest.raises(CodaarError, match="pretraining split is empty"):
        BatchSchedule.of(0, 8)


class Numbered(Split):
    """Clips whose only value is their number."""

    def __len__(self) -> int:
        return 100

    def __getitem__(self, indices) -> Batch:
        return Batch({"a": Features(torch.tensor(list(indices), dtype=torch.float32).view(-1, 1, 1))}, {})


class Rank:
    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size


@given(clips=st.integers(1, 20), size=st.integers(1, 5))
def test_ranks_share_a_batch_and_the_one_without_clips_masks_its_steps(clips: int, size: int) -> None:
    indices = list(range(7, 7 + clips))
    parts = [own_clips(Numbered(), Share(rank, size), (0, indices)).inputs["a"] for rank in range(size)]
    counted = [part for part in parts if part.mask is None]
    assert [int(value) for part in counted for value in part.values.flatten()] == indices
    assert all(len(part.values) == 1 and not part.mask.any() for part in parts if part.mask is not None)


# The order of a step


class Traced(AlignmentStep):
    """Says when it is called."""

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls

    def mix(self, features):
        self.calls.append("mix")
        return features

    def adjust(self, codebooks):
        self.calls.append("adjust")
        return codebooks


ORDER = [
    *("encode", "encode", "quantize", "decode", "decode", "inner_step", "loss", "optimizer"),
    *("mix", "update", "adjust", "replace", "reset"),
]


def test_a_step_is_done_in_the_order_that_is_written(tmp_path, monkeypatch) -> None:
    calls: list[str] = []

    def trace(owner: object, method: str, name: str) -> None:
        function = getattr(owner, method)

        def traced(*arguments, **keywords):
            calls.append(name)
            return function(*arguments, **keywords)

        monkeypatch.setattr(owner, method, traced)

    with toy_session(toy_plan(tmp_path, "run.epochs=1", "data.batch=40"), tmp_path / "run") as session:
        model = session.model
        for name, parts in (("encode", model.encoders), ("decode", model.decoders)):
            for part in parts.values():
                trace(part, "forward", name)
        for method in ("quantize", "update", "replace", "reset"):
            trace(model.quantizer, method, method)
        trace(model.losses["reconstruction"], "inner_step", "inner_step")
        trace(model.losses["reconstruction"], "forward", "loss")
        model.align = (Traced(calls),)
        optimizer = make_optimizer(model, session.plan.optimizer)
        optimizer.register_step_post_hook(lambda *_: calls.append("optimizer"))
        assert train(session, optimizer=optimizer) == 1
    assert calls == ORDER


def test_alignment_moves_codebooks_and_its_absence_does_not(tmp_path) -> None:
    distances = []
    for align in ("[]", "['pull']"):
        with toy_session(toy_plan(tmp_path, f"model.align={align}"), tmp_path / "run") as session:
            train(session)
            north, east = session.model.quantizer.codebooks().values()
            distances.append(float((north - east).abs().max()))
    assert distances[0] > 0.1 and distances[1] == 0


# What is logged


def test_total_is_the_sum_of_the_weighted_terms(tmp_path) -> None:
    log = logged(tmp_path, "losses.reconstruction.weight=2.5")
    assert [step for _, step, _ in log.steps] == list(range(1, 3 * STEPS + 1))
    for _, _, values in log.steps:
        terms = [value for name, value in values.items() if name.startswith("reconstruction.")]
        assert len(terms) == 2 and values["total"] == pytest.approx(sum(terms), rel=1e-6)
    plain = logged(tmp_path)
    assert log.steps[0][2]["total"] == pytest.approx(2.5 * plain.steps[0][2]["total"], rel=1e-6)


def test_an_epoch_has_the_means_of_its_steps(tmp_path) -> None:
    log = logged(tmp_path)
    for epoch, step, values in log.epochs:
        steps = [logged for of, _, logged in log.steps if of == epoch]
        assert step == (epoch + 1) * STEPS and len(steps) == STEPS
        for name in ("total", "grad_norm", "reconstruction.north"):
            assert values[name] == pytest.approx(sum(each[name] for each in steps) / STEPS, rel=1e-5)


def test_every_nth_step_is_logged(tmp_path) -> None:
    assert [step for _, step, _ in logged(tmp_path, "run.log_every=4").steps] == [4, 8, 12]


def test_the_learning_rate_is_logged_and_falls_at_milestones(tmp_path) -> None:
    log = logged(tmp_path, "optimizer.milestones=[1, 2]", "optimizer.gamma=0.1")
    rates = [values["lr"] for _, _, values in log.epochs]
    assert rates == pytest.approx([0.01, 0.001, 0.0001])
    assert [values["lr"] for epoch, _, values in log.steps] == pytest.approx([rates[e] for e, _, _ in log.steps])


@given(
    lr=st.floats(1e-6, 1.0),
    gamma=st.floats(0.01, 1.0),
    milestones=st.lists(st.integers(0, 20), max_size=4),
    epoch=st.integers(0, 25),
)
def test_the_learning_rate_against_a_slow_twin(lr: float, gamma: float, milestones: list[int], epoch: int) -> None:
    class Settings:
        pass

    settings = Settings()
    settings.lr, settings.gamma, settings.milestones = lr, gamma, milestones
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    set_learning_rate(optimizer, settings, epoch)
    expected = lr
    for milestone in milestones:
        if epoch >= milestone:
            expected *= gamma
    assert optimizer.param_groups[0]["lr"] == pytest.approx(expected, rel=1e-12)


def test_gradients_are_clipped_group_by_group_and_the_whole_norm_is_told(tmp_path) -> None:
    with toy_session(toy_plan(tmp_path), tmp_path / "run") as session:
        groups = [group for group in session.model.clip_groups() if group]
        generator = torch.Generator().manual_seed(0)
        for parameter in session.model.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        before = torch.cat([parameter.grad.flatten() for parameter in session.model.parameters()]).norm()
        assert clip_gradients(session.model, 0.5) == pytest.approx(float(before), rel=1e-5)
        for group in groups:
            norm = torch.cat([parameter.grad.flatten() for parameter in group]).norm()
            assert float(norm) == pytest.approx(0.5, rel=1e-4)


# Stopping and going on


@pytest.mark.parametrize("stop", [1, 3, STEPS, STEPS + 2, 3 * STEPS - 1])
def test_a_run_that_is_stopped_and_resumed_ends_like_one_that_is_not(tmp_path, stop: int) -> None:
    plan, whole_log, log = toy_plan(tmp_path, "model.align=['pull']"), Log(), Log()
    with toy_session(plan, tmp_path / "whole", [whole_log]) as session:
        train(session)
        expected = weights(session)
    stopping = StopAfter(stop)
    with toy_session(plan, tmp_path / "run", [stopping, log]) as session:
        stopping.session = session
        with pytest.raises(Interrupted, match=f"after step {stop}; ") as end:
            train(session)
        assert end.value.exit_code == 128 + signal.SIGTERM and "--resume" in end.value.help
    with toy_session(plan, tmp_path / "run", [log]) as session:
        optimizer = make_optimizer(session.model, plan.optimizer)
        checkpoint = newest_checkpoint(session.directory.checkpoints)
        assert checkpoint.name == f"step-{stop}"
        done, extra_state = load_training(checkpoint, session.model, optimizer)
        session.load_extra_state(extra_state)
        assert train(session, done, optimizer) == 3 * STEPS
        assert all(torch.equal(value, expected[name]) for name, value in weights(session).items())
    assert log.steps == whole_log.steps and log.epochs == whole_log.epochs


POISONED = """
from codaar_core.api import Loss


class ToyPoison(Loss):
    '''Infinite at one step.'''

    def forward(self, view):
        value = view.encoded["north"].semantic.mean()
        return {"north": value / 0 if view.step == 6 else value}
"""


def test_a_step_that_is_not_finite_ends_the_run_with_the_state_before_it(tmp_path) -> None:
    overrides = ("model.losses=['reconstruction', 'poison']", "losses.poison.use='local:toy-poison'")
    plan, log = toy_plan(tmp_path, *overrides, components=POISONED), Log()
    stopping = StopAfter(6)
    with toy_session(plan, tmp_path / "stopped", [stopping]) as session:
        stopping.session = session
        with pytest.raises(Interrupted):
            train(session)
        expected = weights(session)
    with toy_session(plan, tmp_path / "run", [log]) as session:
        with pytest.raises(CodaarError, match=r"losses\.poison\.north is .?inf.* at step 7 \(epoch 2\)") as error:
            train(session)
        assert newest_checkpoint(session.directory.checkpoints).name == "step-6" and "step-6" in error.value.message
        assert all(torch.equal(value, expected[name]) for name, value in weights(session).items())
    assert [step for _, step, _ in log.steps] == list(range(1, 7))


def test_the_best_epoch_is_kept(tmp_path) -> None:
    log = Log()
    plan = toy_plan(tmp_path, "run.best='reconstruction.north'", "run.epochs=4", "optimizer.lr=0.5")
    with toy_session(plan, tmp_path / "run", [log]) as session:
        train(session)
    values = [(values["reconstruction.north"], step) for _, step, values in log.epochs]
    assert best_checkpoint(tmp_path / "run" / "checkpoints").name == f"best-{min(values)[1]}"


def test_an_unknown_metric_of_the_best_epoch_is_named(tmp_path) -> None:
    with (
        toy_session(toy_plan(tmp_path, "run.best='reconstruction.nroth'"), tmp_path / "run") as session,
        pytest.raises(CodaarError, match="run.best = 'reconstruction.nroth' is not an epoch metric") as error,
    ):
        train(session)
    assert "'reconstruction.north'" in error.value.help
    assert newest_checkpoint(tmp_path / "run" / "checkpoints").name == f"step-{STEPS}"


def test_every_epoch_metric_may_choose_the_best_epoch(tmp_path) -> None:
    log = Log()
    overrides = ("run.epochs=1", "losses.reconstruction.weight={from=0, to=1, over='2 epochs'}")
    with toy_session(toy_plan(tmp_path, *overrides), tmp_path / "run", [log]) as session:
        train(session)
    ((_, _, values),) = log.epochs
    assert not [name for name in values if metric_fault(name, ("reconstruction",), ())]
    assert metric_fault("validation.reconstruction.north", ("reconstruction",), ()) is None


def test_only_the_newest_checkpoints_stay(tmp_path) -> None:
    with toy_session(toy_plan(tmp_path, "run.keep=1"), tmp_path / "run") as session:
        train(session)
        kept = [path.name for path in session.directory.checkpoints.iterdir()]
    assert kept == [f"step-{3 * STEPS}"]
    assert math.isfinite(sum(float(value.sum()) for value in weights(session).values()))
