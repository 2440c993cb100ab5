"""Transfer evaluation: a head is trained on one modality's codes and tested, unchanged, on another's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from toy_run import toy_plan, toy_session

from codaar_core.api import DataError, hook
from codaar_core.engine import open_model, run
from codaar_core.engine.assembly.build import build_benchmarks, build_data
from codaar_core.engine.evaluation.seen_clips import SeenClips
from codaar_core.engine.evaluation.transfer import evaluate, make_benchmark_runs
from codaar_core.engine.record.pretraining_clips import RecordingHashes

PAIRS = [("north", "east"), ("east", "north")]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The directory of a finished toy run."""
    return run(toy_plan(tmp_path_factory.mktemp("toy"), "run.epochs=1"))


def seed_folder(directory: Path, seed: int) -> Path:
    return directory / "bench" / "toy" / f"seed-{seed}"


def scores(directory: Path, seed: int) -> dict[str, dict[str, float]]:
    return json.loads((seed_folder(directory, seed) / "metrics.json").read_text("utf-8"))["scores"]


def transfers(directory: Path) -> dict[tuple[str, str], dict]:
    entries = json.loads((directory / "results.json").read_text("utf-8"))["transfers"]
    return {(entry["train"], entry["test"]): entry for entry in entries}


def test_every_ordered_pair_of_modalities_is_reported(finished) -> None:
    assert sorted(transfers(finished)) == sorted(PAIRS)


def test_the_mean_over_seeds_and_the_upper_bound_are_those_of_the_seeds(finished) -> None:
    for (train, test), entry in transfers(finished).items():
        by_seed = [scores(finished, seed)[f"{train}->{test}"]["agreement"] for seed in (1, 2)]
        bounds = [scores(finished, seed)[f"{test}->{test}"]["agreement"] for seed in (1, 2)]
        assert entry["values"] == pytest.approx(by_seed) and entry["mean"] == pytest.approx(np.mean(by_seed))
        assert entry["std"] == pytest.approx(np.std(by_seed, ddof=1))
        assert entry["upper_bound"] == pytest.approx(np.mean(bounds))


def test_scores_are_those_of_the_predictions_that_are_kept(finished) -> None:
    for seed in (1, 2):
        arrays = np.load(seed_folder(finished, seed) / "predictions.npz")
        for pair, values in scores(finished, seed).items():
            right = arrays[pair] == arrays[f"target/{pair.split('->')[1]}"]
            assert values["agreement"] == pytest.approx(right.mean())


def test_the_kept_head_makes_the_kept_predictions_from_codes_alone(finished) -> None:
    """One head a modality: what it says of another modality follows from that one's codes by the same weights."""
    plan = toy_plan(finished.parents[2], "run.epochs=1")
    model, data = open_model(finished), build_data(plan)
    benchmark = build_benchmarks(plan, data, model.model.quantizer)["toy"]
    heads = load_file(seed_folder(finished, 1) / "head.safetensors")
    arrays = np.load(seed_folder(finished, 1) / "predictions.npz")
    for train in ("north", "east"):
        for test in ("north", "east"):
            split = benchmark.split("test", test)
            codes = model.encode({test: split[range(len(split))].inputs[test]})[test]
            logits = codes.full.mean(1) @ heads[f"{train}.classify.weight"].T + heads[f"{train}.classify.bias"]
            assert logits.argmax(-1).tolist() == arrays[f"{train}->{test}"].tolist()


def test_evaluation_changes_nothing_of_the_model(tmp_path) -> None:
    plan = toy_plan(tmp_path)
    with toy_session(plan, tmp_path / "run") as session:
        before = {name: value.clone() for name, value in session.model.state_dict().items()}
        benchmarks = build_benchmarks(plan, build_data(plan), session.model.quantizer)
        evaluate(session, make_benchmark_runs(session, benchmarks, SeenClips(RecordingHashes.of(None), False)))
        after = session.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert not any(parameter.requires_grad for parameter in session.model.parameters())


def test_seeds_of_heads_do_not_hang_on_each_other(tmp_path, finished) -> None:
    alone = run(toy_plan(tmp_path, "run.epochs=1", "evaluate.seeds=[2]"))
    one, both = (load_file(seed_folder(folder, 2) / "head.safetensors") for folder in (alone, finished))
    assert one.keys() == both.keys() and all(torch.equal(one[name], both[name]) for name in one)


class Told:
    """Keeps what hooks are told of benchmarks."""

    def __init__(self) -> None:
        self.calls: list[tuple] = []

    @hook
    def codaar_benchmark_start(self, benchmark, heads) -> None:
        self.calls.append(("start", benchmark, heads))

    @hook
    def codaar_head_end(self, benchmark, train, seed) -> None:
        self.calls.append(("head", benchmark, train, seed))

    @hook
    def codaar_benchmark_end(self, benchmark, results) -> None:
        self.calls.append(("end", benchmark, len(results)))


def test_hooks_are_told_of_every_head(tmp_path) -> None:
    told = Told()
    run(toy_plan(tmp_path, "run.epochs=1"), observers=[told])
    heads = [("head", "toy", modality, seed) for seed in (1, 2) for modality in ("north", "east")]
    assert told.calls == [("start", "toy", 4), *heads, ("end", "toy", 2)]


def test_a_head_without_parameters_is_not_trained_and_needs_one_seed(tmp_path) -> None:
    needs_no_training = """
class ToyTestOnly(toy_model.ToyTask):
    '''Has no training clips.'''

    def split(self, role, modality):
        assert role == "test", role
        return super().split(role, modality)
"""
    task = "bench.toy={use = 'local:toy-test-only', head = {use = 'local:toy-constant'}}"
    directory = run(toy_plan(tmp_path, "run.epochs=1", task, components=needs_no_training))
    assert len(transfers(directory)["north", "east"]["values"]) == 1
    assert not list(directory.rglob("head.safetensors")) and not seed_folder(directory, 2).exists()


def test_an_empty_split_is_missed_before_the_training(tmp_path) -> None:
    empty = """
class ToyEmpty(toy_model.ToyTask):
    '''Has no test clips.'''

    def split(self, role, modality):
        clips = 0 if role == "test" else 12
        return toy_model.ToyTaskSplit(self.spaces, clips, len(role), self.config)
"""
    task = "bench.toy={use = 'local:toy-empty', head = {use = 'local:toy-head'}}"
    with pytest.raises(DataError, match="toy, test, north"):
        run(toy_plan(tmp_path, task, components=empty))
    assert not list(tmp_path.rglob("step-*"))


SELECTING = """
class ToySelecting(toy_model.ToyTask):
    '''Chooses the epoch of a head by validation clips.'''

    selection = "validation"
    asked = []

    def split(self, role, modality):
        self.asked.append((role, modality))
        return super().split(role, modality)
"""


def test_validation_clips_are_read_where_the_benchmark_selects_by_them(tmp_path) -> None:
    task = "bench.toy={use = 'local:toy-selecting', head = {use = 'local:toy-head'}, epochs = 3}"
    plan = toy_plan(tmp_path, "run.epochs=1", task, components=SELECTING)
    run(plan)
    asked = plan.benchmarks[0].block.component.asked
    assert {role for role, _ in asked} == {"train", "test", "validation"}


SLOW = """
class ToyDropout(toy_model.ToyEncoder):
    '''Drops half of what it reads, in training.'''

    def forward(self, features):
        return super().forward(features._replace(values=F.dropout(features.values, 0.5, self.training)))


class ToyNoisy(toy_model.ToyTask):
    '''Keeps the dropout of encoders while heads are trained.'''

    dropout = True
"""


def test_dropout_of_encoders_is_kept_only_where_a_benchmark_wants_it(tmp_path) -> None:
    heads = {}
    for name, use in (("plain", "toy-task"), ("noisy", "toy-noisy")):
        (tmp_path / name).mkdir()
        task = f"bench.toy={{use = 'local:{use}', head = {{use = 'local:toy-head'}}, epochs = 2, batch = 4}}"
        encoder = "encoders.north.use='local:toy-dropout'"
        directory = run(toy_plan(tmp_path / name, "run.epochs=1", task, encoder, components=SLOW))
        heads[name] = load_file(seed_folder(directory, 1) / "head.safetensors")
    assert not torch.equal(heads["plain"]["north.classify.weight"], heads["noisy"]["north.classify.weight"])
    assert torch.equal(heads["plain"]["east.classify.weight"], heads["noisy"]["east.classify.weight"])
