"""The recipes that compare the released heads of AVVP and AVE->AVVP with those of the paper's text."""

from __future__ import annotations

from pathlib import Path

import pytest
from codaar_plugin_cmg.event_mlp import EventMlp

from codaar_core.engine.assembly.build import build_benchmarks, build_data, build_quantizer
from codaar_core.engine.record.pretraining_key import pretraining_settings
from codaar_core.recipe import load_sweep

PAPER = Path(__file__).resolve().parents[2] / "recipes" / "paper"
MODES = {"localization": "as-published", "localization-strict": "strict"}


@pytest.mark.parametrize("recipe", MODES)
def test_both_arms_share_a_pretraining_and_differ_in_heads(recipe: str) -> None:
    sweep = load_sweep(PAPER / f"{recipe}.toml")
    released, written = (arm.plans[0] for arm in sweep.arms)
    assert [arm.name for arm in sweep.arms] == ["released", "as-written"]
    assert released.evaluate.mode == written.evaluate.mode == MODES[recipe]
    assert pretraining_settings(released) == pretraining_settings(written)
    heads = {bench.name: bench.head for bench in written.benchmarks}
    assert all(head.component is EventMlp for head in heads.values())
    assert not any(bench.head.component is EventMlp for bench in released.benchmarks)
    assert (heads["avvp"].config.layers, heads["avvp"].config.labels) == (3, "seconds")
    assert (heads["ave-avvp"].config.layers, heads["ave-avvp"].config.labels) == (2, "clips")


@pytest.mark.parametrize("recipe", MODES)
def test_columns_are_metrics_of_the_mode(recipe: str) -> None:
    sweep = load_sweep(PAPER / f"{recipe}.toml")
    plan = sweep.arms[0].plans[0]
    benchmarks = build_benchmarks(plan, build_data(plan), build_quantizer(plan))
    for column in sweep.columns.values():
        bench, transfer, metric = column.split("/")
        assert metric in benchmarks[bench].metrics, column
        assert transfer in ("video->audio", "audio->video")
