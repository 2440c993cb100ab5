"""data.validation_share and run.patience: values on held-out clips, which leave the training as it is."""

from __future__ import annotations

import csv
import signal
from pathlib import Path

import attrs
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toy_run import toy_plan, toy_session

from codaar_core.api import Batch, CodaarError, Split, hook
from codaar_core.engine.assembly.build import build_data
from codaar_core.engine.devices.signals import Interrupted
from codaar_core.engine.lifecycle.start import restored_optimizer
from codaar_core.engine.record.checkpoint import best_checkpoint, newest_checkpoint
from codaar_core.engine.run import run
from codaar_core.engine.training.loop import pretrain
from codaar_core.engine.training.optimizer import make_optimizer
from codaar_core.engine.training.passes.held_out import divide, held_out_values, out_of_patience
from codaar_core.recipe import RecipeError

SHARE = "data.validation_share=0.3"
STATEFUL = """
from codaar_core.api import Loss


class ToyNoise(Loss):
    '''Draws numbers, and keeps a buffer that each call changes.'''

    def __init__(self, config, context):
        super().__init__(config, context)
        self.register_buffer("calls", torch.zeros(()))
        self.dropout = nn.Dropout(0.5)

    def forward(self, view):
        self.calls += 1
        latents = self.dropout(view.encoded["north"].semantic)
        drawn = torch.rand(latents.shape, generator=view.generator) + torch.rand(latents.shape)
        return {"north": (latents * drawn).square().mean()}
"""
NOISE = ("model.losses=['reconstruction', 'noise']", "losses.noise.use='local:toy-noise'", "model.align=['pull']")


class Named(Split):
    """Clips without features, with names of recordings or without."""

    def __init__(self, names: list[str] | None, clips: int = 0) -> None:
        self.names, self.clips = names, clips if names is None else len(names)

    def __len__(self) -> int:
        return self.clips

    def __getitem__(self, indices) -> Batch:
        return Batch({}, {"number": torch.tensor(list(indices))})

    @property
    def ids(self):
        return self.names

    @property
    def notes(self):
        return ("one file is damaged",)


def test_both_parts_keep_the_notes_of_the_split():
    parts = divide(Named([str(number) for number in range(20)]), 0.5)
    assert [part.notes for part in parts] == [("one file is damaged",)] * 2


class Epochs:
    """Keeps the values of each epoch; stops the run in the middle of one."""

    def __init__(self, stop: int = 0) -> None:
        self.values: list[dict[str, float]] = []
        self.stop = stop
        self.session = None

    @hook
    def codaar_step_end(self, step) -> None:
        if step + 1 == self.stop:
            self.session.interruption.by = signal.SIGTERM

    @hook
    def codaar_epoch_end(self, values) -> None:
        self.values.append(dict(values))


def train(folder: Path, observer: Epochs, *overrides: str, validate: bool = True) -> dict[str, torch.Tensor]:
    """Train on the clips that are not held out, from the newest checkpoint or the start; returns all weights."""
    plan = toy_plan(folder.parent, *NOISE, SHARE, *overrides, components=STATEFUL)
    with toy_session(plan, folder, [observer]) as session:
        observer.session = session
        checkpoints = session.directory.checkpoints
        optimizer, done = restored_optimizer(session, newest_checkpoint(checkpoints) if checkpoints.exists() else None)
        trained, held_out = divide(build_data(plan).split("pretrain"), plan.validation_share)
        pretrain(session, trained, optimizer, done, held_out if validate else None)
        return {name: value.clone() for name, value in session.model.state_dict().items()}


# Which clips


@given(names=st.lists(st.text("abc", min_size=1, max_size=3), min_size=20, max_size=60), more=st.integers(1, 9))
def test_recordings_stay_together_and_where_they_are(names: list[str], more: int) -> None:
    try:
        parts = divide(Named(names), 0.5)
    except CodaarError:
        return
    trained, held_out = (set(part.ids) for part in parts)
    assert not trained & held_out and trained | held_out == set(names)
    numbers = [int(each) for part in parts for each in part[range(len(part))].targets["number"]]
    assert sorted(numbers) == list(range(len(names)))
    later = divide(Named([f"new-{number}" for number in range(more)] + names), 0.5)
    assert held_out <= set(later[1].ids) and trained <= set(later[0].ids)


@pytest.mark.parametrize("names", [[f"recording {number}" for number in range(2000)], None])
def test_the_share_is_about_what_is_asked_for(names) -> None:
    trained, held_out = divide(Named(names, 2000), 0.1)
    assert 150 < len(held_out) < 250 and len(trained) + len(held_out) == 2000


def test_without_a_share_the_split_is_the_same_object() -> None:
    split = Named(None, 5)
    assert divide(split, 0.0) == (split, None)


def test_a_share_that_holds_out_nothing_or_all_is_refused() -> None:
    with pytest.raises(CodaarError, match=r"validation_share = 1e-05 holds out none of the 2 clips") as none:
        divide(Named(["a", "b"]), 1e-5)
    assert none.value.help == "raise data.validation_share"
    with pytest.raises(CodaarError, match=r"holds out all of the 2 clips \(1 recordings\)"):
        divide(Named(["a", "a"]), 0.999999)


# Values


def test_weights_and_training_values_are_bit_equal_with_and_without_validation(tmp_path) -> None:
    with_it, without = Epochs(), Epochs()
    weights = train(tmp_path / "with", with_it)
    plain = train(tmp_path / "without", without, validate=False)
    assert all(torch.equal(value, plain[name]) for name, value in weights.items())
    for ours, theirs in zip(with_it.values, without.values, strict=True):
        assert {name: value for name, value in ours.items() if not name.startswith("validation.")} == theirs


def test_values_are_those_of_the_held_out_clips(tmp_path) -> None:
    observer = Epochs()
    train(tmp_path / "run", observer)
    names = ["total", "reconstruction.north", "reconstruction.east", "noise.north"]
    names += [f"{kind}.{m}" for m in ("north", "east") for kind in ("used", "perplexity")]
    last = observer.values[-1]
    assert {f"validation.{name}" for name in names} == {name for name in last if name.startswith("validation.")}
    assert last["validation.total"] == pytest.approx(sum(last[f"validation.{name}"] for name in names[1:4]), rel=1e-5)
    assert last["validation.total"] < observer.values[0]["validation.total"]


def test_batches_are_weighted_by_their_clips_and_nothing_is_changed(tmp_path) -> None:
    plan = toy_plan(tmp_path, "device.dtype='float64'")
    split = build_data(plan).split("pretrain")
    with toy_session(plan, tmp_path / "run") as session:
        before = {name: value.clone() for name, value in session.model.state_dict().items()}
        random_state = torch.get_rng_state()
        by_eight = held_out_values(session, split, 0, 0)
        assert torch.equal(torch.get_rng_state(), random_state) and session.model.training
        assert all(torch.equal(value, before[name]) for name, value in session.model.state_dict().items())
        uneven = attrs.evolve(session, plan=attrs.evolve(plan, batch=7))
        assert held_out_values(uneven, split, 0, 0) == pytest.approx(by_eight, rel=1e-12)


@pytest.mark.parametrize("stop", [1, 5, 6])
def test_a_resumed_run_has_the_same_values(tmp_path, stop: int) -> None:
    whole, first, second = Epochs(), Epochs(stop), Epochs()
    expected = train(tmp_path / "whole", whole)
    with pytest.raises(Interrupted):
        train(tmp_path / "run", first)
    found = train(tmp_path / "run", second)
    assert all(torch.equal(value, found[name]) for name, value in expected.items())
    assert first.values + second.values == whole.values


def test_a_value_that_is_not_finite_ends_the_run(tmp_path) -> None:
    plan = toy_plan(tmp_path)
    with toy_session(plan, tmp_path / "run") as session:
        with torch.no_grad():
            next(iter(session.model.decoders.parameters())).fill_(float("nan"))
        with pytest.raises(CodaarError, match=r"validation\.reconstruction\.\w+ is nan.* after epoch 3"):
            held_out_values(session, build_data(plan).split("pretrain"), 2, 14)


# run.best and run.patience


def rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "metrics.csv").open()))


def test_best_is_an_epoch_of_the_held_out_clips(tmp_path) -> None:
    folder = run(toy_plan(tmp_path, SHARE, "run.best='validation.total'", "evaluate.on=[]"))
    totals = {int(row["step"]): float(row["validation.total"]) for row in rows(folder)}
    assert best_checkpoint(folder / "checkpoints").name == f"best-{min(totals, key=totals.get)}"


def test_patience_ends_pretraining_and_a_stopped_run_is_finished(tmp_path) -> None:
    """The learning rate is lowest in the first epoch of a warm-up, so that the second one is worse."""
    overrides = (SHARE, "run.best='lr'", "run.patience=2", "run.epochs=9", "optimizer.warmup='9 epochs'")
    with pytest.warns(UserWarning, match="pretraining ends after epoch 3: run.patience = 2"):
        folder = run(toy_plan(tmp_path, *overrides))
    assert [row["epoch"] for row in rows(folder)] == ["1", "2", "3"]
    assert (folder / "results.json").is_file()
    with pytest.warns(UserWarning, match="finished: nothing to resume"):
        assert run(toy_plan(tmp_path, *overrides), resume=str(folder)) == folder


@pytest.mark.parametrize(
    ("values", "patience", "stops"),
    [
        ([], 1, False),
        ([3.0], 1, False),
        ([3.0, 3.0], 1, True),
        ([3.0, 2.0], 1, False),
        ([3.0, 1.0, 2.0], 2, False),
        ([3.0, 1.0, 2.0, 1.5], 2, True),
        ([3.0, 4.0, 5.0], 0, False),
    ],
)
def test_patience_counts_epochs_since_the_lowest_value(values: list[float], patience: int, stops: bool) -> None:
    assert out_of_patience([{"total": value} for value in values], "total", patience) == stops


def test_patience_needs_a_metric(tmp_path) -> None:
    with pytest.raises(RecipeError, match="'patience' needs 'best'"):
        toy_plan(tmp_path, "run.patience=2")


def test_every_clip_trains_by_default(tmp_path) -> None:
    plan = toy_plan(tmp_path, "run.epochs=1")
    with toy_session(plan, tmp_path / "run") as session:
        split = build_data(plan).split("pretrain")
        assert pretrain(session, split, make_optimizer(session.model, plan.optimizer)) == 5
        assert not [name for name in session.finished_epochs.rows[0] if name.startswith("validation.")]
