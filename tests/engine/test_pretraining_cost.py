"""Time, memory and last values of pretraining in results.json, also after a resume."""

from __future__ import annotations

import csv
import json

import pytest
import torch
from smallest import SMALLEST

import codaar_core
from codaar_core.engine.training.pretraining_cost import peak_memory


@pytest.fixture(scope="module")
def run(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cost")
    overrides = (*SMALLEST, "evaluate.on=[]", f"run.directory={str(folder)!r}")
    return codaar_core.run(root / "recipes" / "avt.toml", overrides=overrides)


def test_results_contain_minutes_memory_and_last_epoch(run):
    record = json.loads((run / "results.json").read_text())
    took = record["pretraining"]
    assert 0 < took["epoch_minutes"] <= record["seconds"]["pretrain"] / 60 + 0.01
    assert 0.1 < took["peak_gb"] < 100
    last = list(csv.DictReader((run / "metrics.csv").open()))[-1]
    assert took["last_epoch"] == {name: float(value) for name, value in last.items() if name not in ("epoch", "step")}


def test_peak_memory_is_the_maximum():
    before = peak_memory(torch.device("cpu"))
    torch.ones(before // 4 + 50_000_000)  # four bytes each: more than all there was
    assert peak_memory(torch.device("cpu")) >= before + 100_000_000
