"""SIGKILL at any instant: after `--resume auto` every file of the run directory is that of an undisturbed run."""

from __future__ import annotations

import random
import signal
from typing import Any

import pytest
from killed_runs import contents, differences, finish, kill_after, killable_plan, start, wait

from codaar_core.recipe import Plan


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return killable_plan(tmp_path_factory.mktemp("recipe"))


@pytest.fixture(scope="module")
def undisturbed(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], int]:
    """The files of an undisturbed run, and the number of its changes of files."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    run = finish(plan, folder)
    return contents(run), int(folder.with_suffix(".changes").read_text())


def test_an_undisturbed_run_has_every_file(undisturbed):
    files, changes = undisturbed
    assert {path for path in files if path.startswith("checkpoints/") and path.count("/") == 1} == {
        f"checkpoints/{name}" for name in ("step-10", "step-15", "best-15")
    }
    assert {"metrics.csv", "events.jsonl", "results.json", "report.html", "lock.toml"} < set(files)
    assert files["status.json"] == {"status": "finished"}
    assert changes > 200


@pytest.mark.parametrize("every", [23, pytest.param(5, marks=pytest.mark.slow)])  # benchmarks/kills.py kills more often
def test_a_kill_before_a_change_of_a_file_loses_nothing(plan, undisturbed, tmp_path, every):
    files, changes = undisturbed
    failed: dict[int, list[str]] = {}
    for n in range(0, changes, every):
        folder = tmp_path / str(n)
        assert wait(start(plan, folder, n)) == -signal.SIGKILL
        if different := differences(finish(plan, folder), files):
            failed[n] = different
    assert not failed


@pytest.mark.slow
def test_a_resumed_run_can_be_killed_too(plan, undisturbed, tmp_path):
    files, changes = undisturbed
    draw = random.Random(0)
    for trial in range(40):
        folder = tmp_path / str(trial)
        for _ in range(3):
            wait(start(plan, folder, draw.randrange(changes)))
        assert not differences(finish(plan, folder), files), trial


def test_a_kill_at_any_time_loses_nothing(plan, undisturbed, tmp_path):
    draw = random.Random(1)
    for trial in range(5):
        kill_after(start(plan, tmp_path / str(trial)), draw.uniform(0, 1))
        assert not differences(finish(plan, tmp_path / str(trial)), undisturbed[0]), trial
