"""Several runs of a sweep at once: the numbers of the serial sweep, each pretraining once, failures and kills apart."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from toy_run import toy_recipe

from codaar_core import load_sweep, run_sweep
from codaar_core.api import CodaarError
from codaar_core.engine.devices.signals import Interrupted
from codaar_core.recipe.sweep import Sweep
from codaar_core.sweep import rows
from codaar_core.sweep.job import Job, Outcome
from codaar_core.sweep.local import share
from codaar_core.sweep.schedule import Schedule, Task

SLOW = '''
import os
import signal
import time

from codaar_core.api import Loss, RunHooks, hook


class ToyKill(RunHooks):
    """Kills its process at the end of an epoch, where the file KILL is."""

    @hook
    def codaar_epoch_end(self, epoch):
        if os.path.exists("KILL"):
            os.remove("KILL")
            os.kill(os.getpid(), signal.SIGKILL)


class ToyWait(RunHooks):
    """Makes an epoch last so long that a signal meets it."""

    @hook
    def codaar_step_end(self, step):
        time.sleep(0.2)
'''
ARMS = """
extends = ["recipe.toml"]

[run]
name = "several"
epochs = 1

[hooks.kill]
use = "local:toy-kill"

[hooks.wait]
use = "local:toy-wait"

[sweep.columns]
"north to east" = "toy/north->east/correct"
loss = "pretraining/total"

[sweep.arms]
plain = {evaluate.seeds = [1]}
more-heads = {evaluate.seeds = [1, 2]}
killed = {run.hooks = ["kill"], run.epochs = 2, evaluate.seeds = [1]}
"""
WAITING = ARMS[: ARMS.index("plain =")] + "waits = {run.hooks = ['wait']}"
BROKEN = ARMS[: ARMS.index("plain =")] + "broken = {optimizer.lr = 1e30, optimizer.clip = 0}"


def sweep_of(folder: Path, arms: str, *overrides: str) -> Sweep:
    toy_recipe(folder, SLOW)
    (folder / "sweep.toml").write_text(arms, "utf-8")
    return load_sweep(folder / "sweep.toml", overrides)


@pytest.fixture(scope="module")
def parallel(tmp_path_factory):
    """The sweep, what it measured with two runs at once, of which one was killed, and what it announced."""
    folder, announced = tmp_path_factory.mktemp("parallel"), []
    sweep = sweep_of(folder, ARMS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        (folder / "KILL").touch()
        yield sweep, run_sweep(sweep, announce=announced.append, jobs=2), announced


def test_a_killed_run_does_not_stop_the_others(parallel):
    sweep, measured, _ = parallel
    assert [len(arm.results) for arm in measured] == [1, 1, 0]
    (failure,) = measured[2].failures
    log = sweep.directory / "logs" / "killed-seed43.log"
    assert failure.message == "killed, seed 43: its process ended by SIGKILL"
    assert failure.help == f"{log}; give the same command again to resume"


def test_a_shared_pretraining_is_done_once(parallel):
    """The arm that shares it waits, while one that does not is started before."""
    _, measured, announced = parallel
    assert [each.arm for each in announced] == ["plain", "killed", "more-heads"]
    assert all(each.log.is_file() for each in announced)
    assert measured[1].results[0].pretraining.run == measured[0].results[0].directory


def test_the_killed_run_is_resumed_and_the_table_is_that_of_the_serial_sweep(parallel, tmp_path):
    sweep, *_ = parallel
    again = run_sweep(sweep)
    assert len(list(sweep.directory.parent.glob("several-killed/*"))) == 1, "the run directory goes on"
    serial = sweep_of(tmp_path, ARMS)
    one_by_one = run_sweep(serial)
    scores = [[each.transfers for each in arm.results] for arm in again]
    assert scores == [[each.transfers for each in arm.results] for arm in one_by_one] and all(scores)
    assert rows(sweep, again) == rows(serial, one_by_one)


def test_a_failure_is_returned_and_stands_in_the_log(tmp_path, capsys):
    sweep = sweep_of(tmp_path, BROKEN)
    outcome = Job(sweep.source, (), (), "broken", 43)()
    assert outcome.message.startswith("several-broken, seed 43: ") and not outcome.interrupted
    assert f"error: {outcome.message}" in capsys.readouterr().err


def test_ctrl_c_stops_the_processes_with_a_checkpoint(tmp_path):
    sweep = sweep_of(tmp_path, WAITING)

    def interrupt():
        while not list(sweep.directory.parent.glob("several-waits/*/events.jsonl")):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(Interrupted, match="interrupted with unfinished runs") as caught:
        run_sweep(sweep, launch="local")
    assert caught.value.exit_code == 130 and caught.value.help == "give the same command again to resume"
    assert list(sweep.directory.parent.glob("several-waits/*/checkpoints/step-*"))


# The order, without processes


class Scripted:
    """Runs that end after a number of looks, as told."""

    def __init__(self, launcher: ScriptedLauncher, job: Job) -> None:
        self.log, self.launcher, self.job, self.looks = Path("log"), launcher, job, 2

    def outcome(self) -> Outcome | None:
        self.looks -= 1
        if self.looks:
            return None
        self.launcher.going.remove(self.job.arm)
        return Outcome("broken" if self.job.arm in self.launcher.broken else "")

    def stop(self) -> None:
        self.looks = 1

    def kill(self) -> None:
        raise AssertionError("nothing is left to kill")


class ScriptedLauncher:
    def __init__(self, *broken: str) -> None:
        self.broken, self.going, self.log, self.slots = broken, [], [], []

    def start(self, job: Job, slot: int) -> Scripted:
        self.going.append(job.arm)
        self.log.append(tuple(self.going))
        self.slots.append(slot)
        return Scripted(self, job)


@pytest.fixture
def tasks(tmp_path, monkeypatch):
    """Two arms with one pretraining each, and four with a common one."""
    monkeypatch.setattr("codaar_core.sweep.schedule.POLL", 0)
    seeds = {"a": 1, "b": 1, "c": 1, "d": 1, "e": 2, "f": 3}
    arms = "\n".join(f"{arm} = {{run.seed = {seed}}}" for arm, seed in seeds.items())
    sweep = sweep_of(tmp_path, f'extends = ["recipe.toml"]\n[sweep.arms]\n{arms}\n')
    jobs = [Job(sweep.source, (), (), arm.name, arm.plans[0].run.seed) for arm in sweep.arms]
    return [Task(job, arm.plans[0]) for job, arm in zip(jobs, sweep.arms, strict=True)]


def test_those_that_share_a_pretraining_follow_the_first(tasks):
    launcher, told = ScriptedLauncher(), []
    failures = Schedule(tasks, launcher, 3, lambda task, log, left: told.append(left)).run()
    assert failures == {}
    assert launcher.log[:3] == [("a",), ("a", "e"), ("a", "e", "f")]
    assert sorted(launcher.log[-1]) == ["b", "c", "d"]
    assert Counter(launcher.slots) == {0: 2, 1: 2, 2: 2}
    assert told[0] is None and told[-1] is not None


def test_after_a_failed_pretraining_the_next_one_tries_alone(tasks):
    launcher = ScriptedLauncher("a")
    failures = Schedule(tasks[:4], launcher, 4, lambda *_: None).run()
    assert failures["a-seed1"].message == "broken"
    assert launcher.log == [("a",), ("b",), ("c",), ("c", "d")]


def test_cores_and_gpus_are_shared_out():
    assert share(0, 2, 8, []) == {"OMP_NUM_THREADS": "4", "MKL_NUM_THREADS": "4"}
    assert share(0, 4, 2, [])["OMP_NUM_THREADS"] == "1"
    assert [share(slot, 2, 8, list("0123"))["CUDA_VISIBLE_DEVICES"] for slot in range(2)] == ["0,2", "1,3"]
    assert [share(slot, 3, 8, list("01"))["CUDA_VISIBLE_DEVICES"] for slot in range(3)] == ["0", "1", "0"]


def test_number_of_threads_that_the_user_has_set_stays(monkeypatch, tmp_path):
    from codaar_core.sweep.local import _environment

    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with _environment(share(0, 1, 8, ["0"])):
        assert (os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"]) == ("3", "8")
    assert "MKL_NUM_THREADS" not in os.environ and os.environ.get("CUDA_VISIBLE_DEVICES") is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"launch": "cloud"}, "there is no launcher 'cloud'"),
        ({"slurm": {"time": "1"}}, "options of Slurm are given"),
        ({"launch": "slurm", "slurm": {"time": "1"}}, "no command `srun`"),
        ({"jobs": 2, "observers": lambda plan: []}, "cannot be sent to the processes of the runs"),
    ],
)
def test_launches_that_cannot_be(parallel, given, told, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CodaarError, match=told) as caught:
        run_sweep(parallel[0], **given)
    assert caught.value.help
