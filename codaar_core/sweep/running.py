"""Runs every arm of a sweep, one run after the other; finished runs are not repeated."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from codaar_core import engine, report
from codaar_core.api import CodaarError
from codaar_core.engine.devices.signals import Interrupted
from codaar_core.engine.record.resume import finished_run, unfinished_run
from codaar_core.engine.results import Results
from codaar_core.recipe.checking.renamed import warn_renamed_settings
from codaar_core.recipe.plan import Plan
from codaar_core.recipe.sweep import Arm, Sweep
from codaar_core.registry import did_you_mean
from codaar_core.sweep.building import refuse_unbuildable


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


class _Remaining:
    """Counts the runs that remain, and estimates their time.

    Args:
        runs: Number of runs to do.
    """

    def __init__(self, runs: int) -> None:
        self.runs = runs
        self.done = 0
        self.seconds = 0.0

    def estimate(self) -> float | None:
        """Seconds that the remaining runs take; None before one is done."""
        return self.seconds / self.done * (self.runs - self.done) if self.done else None

    def count(self, seconds: float) -> None:
        """Count a run that took ``seconds``."""
        self.done += 1
        self.seconds += seconds


def run_sweep(
    sweep: Sweep,
    only: Sequence[str] = (),
    observers: Callable[[Plan], Sequence[object]] = lambda plan: (),
    run: bool = True,
    announce: Callable[[Position], None] = lambda position: None,
) -> list[Measured]:
    """Run all runs of a sweep that are not finished.

    Every arm with such a run is built and tried on synthetic data before the first run. After that, a failed run does
    not stop the sweep; an interrupted run ends it.

    Args:
        sweep: A checked sweep.
        only: Names of the arms to run; empty: all. Of the other arms, only finished runs are read.
        observers: Returns the observers of a run.
        run: False: only read the results of finished runs.
        announce: Called before each run.

    Returns:
        One entry per arm, in order.

    Raises:
        RecipeError: Arms cannot be built; nothing was run.
        CodaarError: There is no arm of a given name.
        Interrupted: A signal was received; the same call resumes the sweep.
    """
    known = [arm.name for arm in sweep.arms]
    unknown = [name for name in only if name not in known]
    if unknown:
        help = did_you_mean(unknown[0], known) or f"its arms are {', '.join(known)}"
        raise CodaarError(f"the sweep has no arm {unknown[0]!r}", help)
    wanted = [arm for arm in sweep.arms if run and (not only or arm.name in only)]
    to_do = {arm.name: [plan for plan in arm.plans if finished_run(plan) is None] for arm in wanted}
    refuse_unbuildable(arm for arm in wanted if to_do[arm.name])
    remaining = _Remaining(sum(map(len, to_do.values())))

    def run_plan(arm: Arm, plan: Plan) -> Path:
        number = 1 + known.index(arm.name)
        announce(Position(arm.name, number, len(known), plan.run.seed, remaining.estimate()))
        began = time.monotonic()
        try:
            return _run(plan, observers(plan))
        finally:
            remaining.count(time.monotonic() - began)

    return [_measure(arm, run_plan if arm.name in to_do else None) for arm in sweep.arms]


def _measure(arm: Arm, run: Callable[[Arm, Plan], Path] | None) -> Measured:
    """Read the finished runs of an arm, and run the others if ``run`` is given."""
    results, failures = [], []
    for plan in arm.plans:
        try:
            directory = finished_run(plan) or (run and run(arm, plan))
            if directory:
                results.append(report.read(directory))
        except Interrupted as end:
            raise Interrupted(end.message, "give the same command again to resume", end.exit_code - 128) from end
        except Exception as error:  # the other runs do not depend on this one
            failures.append(_failure(plan, error))
    return Measured(arm.name, tuple(results), tuple(failures))


def _failure(plan: Plan, error: Exception) -> CodaarError:
    """The failure of one run; the error itself is not kept, because its frames hold the memory of the run."""
    run = f"{plan.run.name}, seed {plan.run.seed}"
    if isinstance(error, CodaarError):
        return CodaarError(f"{run}: {error.message}", error.help)
    cause = " ".join(f"{type(error).__name__}: {error}".split())
    return CodaarError(
        f"{run}: unexpected {cause}", "give the same command with `--arm` and `--traceback` to see where"
    )


def _run(plan: Plan, observers: Sequence[object]) -> Path:
    """Run a plan, or resume its interrupted run; a pretraining with the same weights is taken over."""
    warn_renamed_settings(plan.notes)
    begun = unfinished_run(plan)
    resume = None if begun is None else str(begun)
    return engine.run(plan, resume, observers, write_report=report.write, reuse=True)
