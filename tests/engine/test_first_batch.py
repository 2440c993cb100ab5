"""The first clips of every split are compared with the declared spaces, and the component that breaks them is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_run import toy_plan, toy_session

from codaar_core.api import DataError
from codaar_core.engine.assembly.build import build_benchmarks, build_data
from codaar_core.engine.data.first_batch import check_pretraining_split
from codaar_core.engine.evaluation.seen_clips import SeenClips
from codaar_core.engine.evaluation.transfer import make_benchmark_runs
from codaar_core.engine.record.pretraining_clips import RecordingHashes
from codaar_core.recipe.toml.problem import RecipeError

BROKEN = """
import torch
from codaar_core.api import Batch, DataSource, Features, Split
from codaar_core.testing.environment import toy_model

class BrokenSplit(Split):
    def __init__(self, split):
        self.split = split

    def __len__(self):
        return len(self.split)

    @property
    def ids(self):
        return {ids}

    def given(self, indices):
        return self.split.given(indices)

    def __getitem__(self, indices):
        batch = self.split[indices]
        values, mask = batch.inputs["north"]
        inputs, targets = dict(batch.inputs), dict(batch.targets)
        {change}
        return Batch(inputs, targets)

class BrokenFeatures(toy_model.ToyFeatures):
    def split(self, name):
        return BrokenSplit(super().split(name))

class BrokenTask(toy_model.ToyTask):
    head = "local:toy-head"

    def split(self, role, modality):
        return BrokenSplit(super().split(role, modality))
"""
FEATURES = {
    "more axes": ("inputs['north'] = Features(values[..., None], mask)", r"(5, 8, 1), its space says (steps, 8)"),
    "another width": ("inputs['north'] = Features(values[..., :7], mask)", r"(5, 7), its space says (steps, 8)"),
    "fewer clips": ("inputs['north'] = Features(values[:1], mask)", "features (1, 5, 8) for 2 clips"),
    "one axis": ("inputs['north'] = Features(values[0, 0], mask)", "features (8,) for 2 clips"),
    "whole numbers": (
        "inputs['north'] = Features(values.long(), mask)",
        "of type torch.int64, expected float",
    ),
    "mask of numbers": ("inputs['north'] = Features(values, values[..., 0])", "with a mask torch.float32 (2, 5)"),
    "mask of steps": ("inputs['north'] = Features(values, torch.ones(2, 4).bool())", "with a mask torch.bool (2, 4)"),
    "no tensor": ("inputs['north'] = Features(values.numpy(), mask)", "gives no features of 'north'"),
    "absent": ("del inputs['north']", "gives no features of 'north'"),
    "a list": ("return [1]", "gives a list, expected a Batch"),
}


def plan_of(tmp_path, change="pass", ids="None", *overrides):
    return toy_plan(tmp_path, *overrides, components=BROKEN.format(change=change, ids=ids))


def check_data(plan):
    data = build_data(plan)
    check_pretraining_split(plan, data, data.split("pretrain"))


def check_benchmarks(plan):
    with toy_session(plan, Path(plan.run.directory)) as session:
        benchmarks = build_benchmarks(plan, build_data(plan), session.model.quantizer)
        make_benchmark_runs(session, benchmarks, SeenClips(RecordingHashes.of(None), False))


DATA = 'data.use="local:broken-features"'
TASK = 'bench.toy.use="local:broken-task"'


@pytest.mark.parametrize("case", FEATURES)
def test_a_data_source_that_breaks_its_space_is_named(case, tmp_path):
    change, told = FEATURES[case]
    with pytest.raises(DataError) as end:
        check_data(plan_of(tmp_path, change, "None", DATA))
    assert end.value.message.startswith("data source local:broken-features gives ") and told in end.value.message
    assert "a fault of" in end.value.help and "report" not in end.value.help


@pytest.mark.parametrize("case", FEATURES)
def test_a_benchmark_that_breaks_the_space_of_pretraining_is_named(case, tmp_path):
    change, told = FEATURES[case]
    with pytest.raises(DataError) as end:
        check_benchmarks(plan_of(tmp_path, change, "None", TASK))
    assert end.value.message.startswith("benchmark local:broken-task, test clips of 'north', gives ")
    assert told in end.value.message


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("targets.clear()", "gives a NoneType as targets, expected (2, ...)"),
        ("targets['north'] = targets['north'][:1]", "gives torch.int64 (1,) as targets, expected (2, ...)"),
    ],
)
def test_targets_of_a_benchmark(change, told, tmp_path):
    with pytest.raises(DataError) as end:
        check_benchmarks(plan_of(tmp_path, change, "None", TASK))
    assert told in end.value.message


def test_ids_of_another_number(tmp_path):
    with pytest.raises(DataError, match="data source local:broken-features gives 3 ids for 40 clips"):
        check_data(plan_of(tmp_path, "pass", "['a', 'b', 'c']", DATA))


def test_an_exception_of_the_source_is_told_at_its_line(tmp_path):
    with pytest.raises(RecipeError, match="ZeroDivisionError") as end:
        check_data(plan_of(tmp_path, "1 / 0", "None", DATA))
    assert "--> " in str(end.value) and "this is a fault of" in str(end.value)


def test_what_is_as_declared_passes(tmp_path):
    check_data(plan_of(tmp_path, "pass", "None", DATA))
    check_benchmarks(plan_of(tmp_path, "pass", "None", TASK))
