"""The tables of the paper: the report of a run shows published numbers of its own row only."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from codaar_core import load_sweep
from codaar_core.api import BenchmarkContext
from codaar_core.engine.assembly.build import build_data
from codaar_core.recipe.plan import Plan


def shown(plan: Plan) -> Mapping[str, float]:
    """Published numbers in the report of a run, by "benchmark/train->test/metric"."""
    context = BenchmarkContext(plan.modalities, build_data(plan), plan.evaluate.mode)
    built = {bench.name: bench.block.component(bench.block.config, context) for bench in plan.benchmarks}
    return {f"{name}/{score}": value for name, each in built.items() for score, value in each.published.items()}


@pytest.mark.parametrize("table", [1, 2, 3, 4, 8])
def test_reports_show_what_the_table_shows(root, table):
    sweep = load_sweep(root / "recipes" / "paper" / f"table{table}.toml")
    for arm in sweep.arms:
        row = dict(zip(sweep.columns.values(), sweep.published[arm.name], strict=True))
        there = {score: value / 100 for score, value in row.items() if value is not None}
        numbers = shown(arm.plans[0])
        if arm.name.startswith("codaar"):
            assert {score: numbers[score] for score in there} == pytest.approx(there)
        else:
            assert not numbers, arm.name
