"""Numbers of the framework's settings have bounds, so that no value crashes a run or disables it silently."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_plugins import RECIPE

from codaar_core import validate

pytestmark = pytest.mark.usefixtures("toy", "here")


@pytest.mark.parametrize(
    "setting",
    [
        "device.threads=99999999",
        "device.ahead=99999999",
        "device.processes=99999999",
        "run.seed=9223372036854775808",
        "run.epochs=9223372036854775807",
        "run.keep=9223372036854775807",
        "run.log_every=9223372036854775807",
        "data.batch=9223372036854775807",
        "optimizer.lr=inf",
        "optimizer.lr=1e300",
        "optimizer.clip=nan",
        "optimizer.gamma=1e300",
        "optimizer.weight_decay=inf",
        "optimizer.betas=[0.9, nan]",
        "losses.main.weight=nan",
        "losses.main.weight=-inf",
        "bench.judge.lr=inf",
        "bench.judge.batch=9223372036854775807",
        "bench.judge.epochs=9223372036854775807",
        "evaluate.seeds=[18446744073709551616]",
    ],
)
def test_a_number_out_of_bounds_is_one_problem(setting):
    Path("toys.toml").write_text(RECIPE)
    (problem,) = [each for each in validate("toys.toml", [setting]) if each.level == "error"]
    assert problem.message.startswith(setting.partition("=")[0])
    assert problem.code in ("wrong-value", "refused-value")
