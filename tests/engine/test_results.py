"""results.json of a real run fits its schema; units and directions of metrics reach its entries."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import torch
from sample_results import sample_results
from smallest import SMALLEST

import codaar_core
from codaar_core.api import Benchmark, BenchmarkContext, Measure, Predicted, Transfer
from codaar_core.engine import results as schema
from codaar_core.engine.evaluation.scores import best_constant, chance, transfer_entries
from codaar_core.engine.results import as_json, json_schema, parse

SHIPPED = Path(schema.__file__).with_name("results.schema.json")


def rmse(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return (prediction - target).square().mean().sqrt()


def r_squared(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return 1 - (prediction - target).square().sum() / (target - target.mean()).square().sum()


def within_one(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return ((prediction - target).abs() <= 1).float().mean()


class Force(Benchmark):
    """How strong is the grip, in newtons."""

    head = "none"
    classes = ("force",)
    metrics = {
        "RMSE": Measure(rmse, unit="N", higher_is_better=False),
        "R2": Measure(r_squared, unit=""),
        "within one": within_one,
    }

    def split(self, role, modality):
        raise AssertionError("not read here")

    def constants(self, target: torch.Tensor) -> Iterator[torch.Tensor]:
        for force in (0.0, 5.0, 9.0):
            yield torch.full_like(target, force)

    def guess(self, target: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return 10 * torch.rand(target.shape, generator=generator)


TARGET = torch.arange(10.0)


@pytest.fixture(scope="module")
def force() -> Force:
    return Force(None, BenchmarkContext(("touch", "sight"), None, "strict"))


@pytest.fixture(scope="module")
def run(root, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    overrides = (*SMALLEST, "run.log_every=1", 'evaluate.on=["retrieval"]', f"run.directory={str(folder)!r}")
    return codaar_core.run(root / "recipes" / "avt.toml", overrides=overrides)


def complaints(values: object) -> list[str]:
    return [error.message for error in jsonschema.Draft202012Validator(json_schema()).iter_errors(values)]


def test_the_shipped_schema_is_the_generated_one(call):
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert json.loads(SHIPPED.read_text("utf-8")) == json_schema()
    assert call("schema", "--results") == (0, SHIPPED.read_text("utf-8"), "")


def test_results_of_a_run_fit_the_schema(run):
    values = json.loads((run / "results.json").read_text("utf-8"))
    assert complaints(values) == []
    found = parse(values)
    assert json.loads(json.dumps(as_json(found))) == values
    assert found.batch == 16 and found.curves.step and found.alignment and found.transfers
    assert set(values) == set(json_schema()["properties"]), "every entry is written"


def test_the_schema_refuses_what_the_reader_refuses():
    values = json.loads(json.dumps(as_json(sample_results())))
    assert complaints(values) == []
    for change in (
        {"invented": 1},
        {"format": 1},
        {"batch": "80"},
        {"transfers": [{"benchmark": "b"}]},
        {"curves": {**values["curves"], "step": [0.5]}},
    ):
        assert complaints({**values, **change}), change


def test_a_measure_is_called_like_its_metric():
    measure = Force.metrics["RMSE"]
    assert measure(TARGET, TARGET + 3) == pytest.approx(3)
    assert (measure.unit, measure.higher_is_better) == ("N", False)


def test_a_plain_metric_is_a_fraction_and_higher_is_better(force):
    assert force.measures["within one"] == Measure(within_one, unit="%", higher_is_better=True)
    assert force.measures["R2"] is Force.metrics["R2"]


@pytest.mark.parametrize(("higher", "best", "worst"), [(True, 3.0, -float("inf")), (False, 1.0, float("inf"))])
def test_better_and_best_follow_the_direction(higher, best, worst):
    measure = Measure(rmse, higher_is_better=higher)
    assert measure.best([2.0, 1.0, 3.0]) == best and measure.worst == worst
    assert measure.better(best, 2.0) and not measure.better(2.0, best) and not measure.better(2.0, 2.0)
    assert not measure.better(float("nan"), 2.0)


def test_the_best_constant_has_the_lowest_error(force):
    scores = [force.score(Predicted(each, TARGET), Predicted(each, TARGET)) for each in force.constants(TARGET)]
    found = best_constant(force, TARGET, TARGET)
    assert found["RMSE"] == min(each["RMSE"] for each in scores) == pytest.approx(8.5**0.5)
    assert found["R2"] == max(each["R2"] for each in scores)


def test_entries_carry_unit_and_direction(force):
    predicted = {pair: Predicted(TARGET + 1, TARGET) for pair in itertools.product(force.modalities, repeat=2)}
    scores = {Transfer(*pair): force.score(each, each) for pair, each in predicted.items()}
    entries = transfer_entries("force", force, [scores], dict.fromkeys(force.modalities, TARGET))
    assert [(entry.train, entry.test) for entry in entries[::3]] == [("touch", "sight"), ("sight", "touch")]
    error, fit, near = entries[:3]
    assert (error.metric, error.unit, error.higher_is_better, error.headline) == ("RMSE", "N", False, True)
    assert (fit.metric, fit.unit, fit.higher_is_better, fit.headline) == ("R2", "", True, False)
    assert (near.unit, near.higher_is_better) == ("%", True)
    assert error.mean == pytest.approx(1) and error.upper_bound == pytest.approx(1)
    assert error.constant == pytest.approx(8.5**0.5) and error.chance == chance(force, TARGET, TARGET)["RMSE"] > 2
