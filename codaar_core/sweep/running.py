"""Runs every arm of a sweep, one run after the other or several at once; finished runs are not repeated."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs

from codaar_core import report
from codaar_core.api import CodaarError
from codaar_core.engine.devices.signals import Interrupted
from codaar_core.engine.record.resume import finished_run
from codaar_core.engine.results import Results
from codaar_core.recipe.plan import Plan
from codaar_core.recipe.sweep import Arm, Sweep
from codaar_core.registry import did_you_mean
from codaar_core.sweep.building import refuse_unbuildable
from codaar_core.sweep.job import AGAIN, Job, Observers, failure, no_observers, run_plan
from codaar_core.sweep.schedule import Launcher, Schedule, Task

LOGS = "logs"  # folder of a sweep for what its runs print, if several run at once
LAUNCHERS = ("local", "slurm")


@attrs.frozen
class Measured:
    """The runs of an arm: results and failures."""

    arm: str
    results: tuple[Results, ...]  # of the finished runs
    failures: tuple[CodaarError, ...] = ()  # of the failed runs, each with name and seed of the run


@attrs.frozen
class Position:
    """The run of a sweep that begins."""

    arm: str
    number: int  # of the arm in the sweep, from 1
    arms: int
    seed: int
    seconds_left: float | None  # of this and all later runs, by the mean of those done; None before the first is done
    log: Path | None = None  # what the run prints, if it does not print here


def run_sweep(
    sweep: Sweep,
    only: Sequence[str] = (),
    observers: Observers = no_observers,
    run: bool = True,
    announce: Callable[[Position], None] = lambda position: None,
    jobs: int | None = None,
    launch: str | None = None,
    slurm: Mapping[str, str] = {},
) -> list[Measured]:
    """Run all runs of a sweep that are not finished.

    Every arm with such a run is built and tried on synthetic data before the first run. After that, a failed run does
    not stop the sweep; an interrupted run ends it.

    Args:
        sweep: A checked sweep.
        only: Names of the arms to run; empty: all. Of the other arms, only finished runs are read.
        observers: Returns the observers of a run. With ``launch``, it is called in the process of the run, and must be
            picklable.
        run: False: only read the results of finished runs.
        announce: Called before each run.
        jobs: Number of runs at once; None: one on this machine, all on a cluster.
        launch: "local": each run in a process of its own, which share out the cores and GPUs of this machine; "slurm":
            each run as a job of a cluster. None: in this process, or "local" for several at once.
        slurm: Options of ``sbatch`` by name; ``time``, in minutes, is required.

    Returns:
        One entry per arm, in order.

    Raises:
        RecipeError: Arms cannot be built; nothing was run.
        CodaarError: There is no arm of a given name, or runs cannot be started in the way that ``launch`` names.
        Interrupted: A signal was received; the same call resumes the sweep.
    """
    known = [arm.name for arm in sweep.arms]
    unknown = [name for name in only if name not in known]
    if unknown:
        help = did_you_mean(unknown[0], known) or f"its arms are {', '.join(known)}"
        raise CodaarError(f"the sweep has no arm {unknown[0]!r}", help)
    wanted = [arm for arm in sweep.arms if run and (not only or arm.name in only)]
    tasks = [_task(sweep, arm, plan, observers) for arm in wanted for plan in arm.plans if finished_run(plan) is None]
    launcher, at_once = _launcher(sweep, launch, jobs or (len(tasks) if launch == "slurm" else 1), slurm)
    if launcher is not None:
        _refuse_unpicklable(observers)
    to_do = {task.job.arm for task in tasks}
    refuse_unbuildable(arm for arm in wanted if arm.name in to_do)

    def begins(task: Task, log: Path | None, left: float | None) -> None:
        number = 1 + known.index(task.job.arm)
        announce(Position(task.job.arm, number, len(known), task.job.seed, left, log))

    failures = Schedule(tasks, launcher, at_once, begins).run() if launcher else _one_by_one(tasks, begins)
    return [_measured(sweep, arm, failures) for arm in sweep.arms]


def _task(sweep: Sweep, arm: Arm, plan: Plan, observers: Observers) -> Task:
    return Task(Job(sweep.source, sweep.overrides, sweep.plugins, arm.name, plan.run.seed, observers), plan)


def _launcher(sweep: Sweep, launch: str | None, at_once: int, slurm: Mapping[str, str]) -> tuple[Launcher | None, int]:
    """The launcher, None for runs in this process; and the number of runs at once."""
    if launch not in (None, *LAUNCHERS):
        raise CodaarError(f"there is no launcher {launch!r}", f"use {' or '.join(LAUNCHERS)}")
    if slurm and launch != "slurm":
        raise CodaarError("options of Slurm are given, but runs are not started by Slurm", "add `--launch slurm`")
    logs = sweep.directory / LOGS
    if launch == "slurm":
        from codaar_core.sweep.slurm import SlurmLauncher

        return SlurmLauncher(sweep.name, logs, slurm), at_once
    if launch is None and at_once == 1:
        return None, 1
    from codaar_core.sweep.local import LocalLauncher

    return LocalLauncher(at_once, logs), at_once


def _refuse_unpicklable(observers: Observers) -> None:
    """Refuse observers that cannot be made in the processes of the runs.

    Raises:
        CodaarError: The function that returns them cannot be imported by its name.
    """
    try:
        pickle.dumps(observers)
    except Exception as error:
        help = "define the function that returns the observers at the top of a module, not as a lambda"
        raise CodaarError(f"the observers cannot be sent to the processes of the runs: {error}", help) from error


def _one_by_one(
    tasks: Sequence[Task], begins: Callable[[Task, Path | None, float | None], None]
) -> dict[str, CodaarError]:
    """Run all tasks in this process; gives the failures by the name of the job."""
    failures: dict[str, CodaarError] = {}
    seconds: list[float] = []
    for task in tasks:
        left = sum(seconds) / len(seconds) * (len(tasks) - len(seconds)) if seconds else None
        begins(task, None, left)
        began = time.monotonic()
        try:
            run_plan(task.plan, task.job.observers(task.plan))
        except Interrupted as end:
            raise Interrupted(end.message, AGAIN, end.exit_code - 128) from end
        except Exception as error:  # the other runs do not depend on this one
            failures[task.job.name] = failure(task.plan, error)
        seconds.append(time.monotonic() - began)
    return failures


def _measured(sweep: Sweep, arm: Arm, failures: Mapping[str, CodaarError]) -> Measured:
    """The results of the finished runs of an arm, and the failures of the others."""
    results, failed = [], []
    for plan in arm.plans:
        name = _task(sweep, arm, plan, no_observers).job.name
        directory = finished_run(plan)
        try:
            if directory is not None:
                results.append(report.read(directory))
            elif name in failures:
                failed.append(failures[name])
        except CodaarError as error:  # its results are damaged
            failed.append(failure(plan, error))
    return Measured(arm.name, tuple(results), tuple(failed))
