"""Runs of a sweep as jobs of a Slurm cluster of this machine only: scripts with the names of Slurm's commands."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from toy_run import toy_recipe

from codaar_core import load_sweep, run_sweep
from codaar_core.api import CodaarError
from codaar_core.sweep import slurm
from codaar_core.sweep.slurm import SlurmLauncher, SlurmRun

pytest.importorskip("submitit")

START = "SLURM_JOB_ID=7 setsid bash script > /dev/null 2>&1 &"
COMMANDS = {
    "sbatch": f'cp "$1" script; {START} echo "Submitted batch job 7"',
    "srun": 'while [ "$1" != "$PYTHON" ]; do shift; done; exec "$@" >> output 2>&1',
    "scontrol": f'{START} echo "$@" >> requeued',
    "sacct": 'printf "JobID|State|NodeList\\n7|RUNNING|here\\n"',
    "scancel": 'echo "$@" >> cancelled',
}
PREEMPTION = '''
import os
import signal

from codaar_core.api import RunHooks, hook


class ToyPreemption(RunHooks):
    """Preempts the job in its second epoch as Slurm does: SIGTERM, then the signal upon which submitit acts."""

    @hook
    def codaar_epoch_start(self, epoch):
        if epoch == 1 and not os.path.exists("requeued"):
            os.system(f"(kill -TERM {os.getpid()}; sleep 1; kill -USR2 {os.getpid()}) &")
'''
SWEEP = """
extends = ["recipe.toml"]

[run]
name = "clustered"
epochs = 3
hooks = ["preemption"]

[hooks.preemption]
use = "local:toy-preemption"

[sweep.columns]
loss = "pretraining/total"

[sweep.arms]
only = {}
"""


@pytest.fixture
def cluster(tmp_path, monkeypatch) -> Path:
    """A folder, which is the working folder, with the commands of Slurm on the path."""
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, content in COMMANDS.items():
        (commands / name).write_text(f"#!/bin/bash\n{content}\n")
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHON", sys.executable)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_preempted_job_is_queued_again_and_goes_on(cluster):
    toy_recipe(cluster, PREEMPTION)
    (cluster / "sweep.toml").write_text(SWEEP, "utf-8")
    sweep = load_sweep(cluster / "sweep.toml")
    announced = []
    options = {"time": "90", "partition": "gpu", "gpus_per_node": "1"}
    (measured,) = run_sweep(sweep, announce=announced.append, launch="slurm", slurm=options)
    assert (cluster / "requeued").read_text() == "requeue 7\n"
    assert measured.results[0].epochs == 3 and not measured.failures
    assert len(list(sweep.directory.parent.glob("clustered-only/*"))) == 1, "the run directory goes on"
    assert announced[0].log == sweep.directory / "logs" / "7_0_log.out"
    script = (cluster / "script").read_text().splitlines()
    for line in ("time=90", "partition=gpu", "gpus-per-node=1", "job-name=clustered-only-seed43", "signal=USR2@90"):
        assert f"#SBATCH --{line}" in script


def test_the_time_limit_is_required(cluster):
    with pytest.raises(CodaarError, match="time limit of a job in minutes") as caught:
        SlurmLauncher("toys", cluster / "logs", {"time": "1-00:00"})
    assert caught.value.help == "give `--slurm time=MINUTES`"


def test_a_job_that_cannot_be_submitted(cluster):
    (cluster / "commands" / "sbatch").write_text('#!/bin/bash\necho "invalid partition specified: gup" >&2\nexit 1\n')
    launcher = SlurmLauncher("toys", cluster / "logs", {"time": "5", "partition": "gup"})
    with pytest.raises(CodaarError, match="arm-seed1 could not be submitted: .*invalid partition specified: gup"):
        launcher.start(slurm.Job(Path("sweep.toml"), (), (), "arm", 1), 0)


class Lost:
    """A job of submitit whose node failed."""

    job_id = "7"

    class paths:
        stdout = "7_0_log.out"

    def done(self) -> bool:
        return True

    def result(self) -> None:
        raise RuntimeError("Job 7 has failed:\n  NODE_FAIL")

    def cancel(self) -> None:
        pass


def test_jobs_without_a_result():
    run = SlurmRun(slurm.Job(Path("sweep.toml"), (), (), "arm", 1), Lost())
    assert run.outcome().message == "arm, seed 1: job 7 failed: Job 7 has failed: NODE_FAIL"
    run.stop()
    assert run.outcome().message == "arm, seed 1: job 7 was cancelled"


def test_without_submitit(monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(CodaarError, match="not installed") as caught:
        SlurmLauncher("toys", Path("logs"), {"time": "5"})
    assert caught.value.help == 'python -m pip install "codaar-core[cluster]"'
