"""Runs every arm of a sweep, one run after the other; finished runs are not repeated."""

from __future__ import annotations

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


@attrs.frozen
class Measured:
    """The runs of an arm: results and failures."""

    arm: str
    results: tuple[Results, ...]  # of the finished runs
    failures: tuple[CodaarError, ...] = ()  # of the failed runs, each with name and seed of the run


def run_sweep(
    sweep: Sweep,
    only: Sequence[str] = (),
    observers: Callable[[Plan], Sequence[object]] = lambda plan: (),
    run: bool = True,
) -> list[Measured]:
    """Run all runs of a sweep that are not finished.

    A failed run does not stop the sweep; an interrupted run ends it.

    Args:
        sweep: A checked sweep.
        only: Names of the arms to run; empty: all. Of the other arms, only finished runs are read.
        observers: Returns the observers of a run.
        run: False: only read the results of finished runs.

    Returns:
        One entry per arm, in order.

    Raises:
        CodaarError: There is no arm of a given name.
        Interrupted: A signal was received; the same call resumes the sweep.
    """
    known = [arm.name for arm in sweep.arms]
    unknown = [name for name in only if name not in known]
    if unknown:
        help = did_you_mean(unknown[0], known) or f"its arms are {', '.join(known)}"
        raise CodaarError(f"the sweep has no arm {unknown[0]!r}", help)
    return [_measure(arm, run and (not only or arm.name in only), observers) for arm in sweep.arms]


def _measure(arm: Arm, wanted: bool, observers: Callable[[Plan], Sequence[object]]) -> Measured:
    results, failures = [], []
    for plan in arm.plans:
        try:
            directory = finished_run(plan) or (wanted and _run(plan, observers(plan)))
            if directory:
                results.append(report.read(directory))
        except Interrupted as end:
            raise Interrupted(end.message, "give the same command again to resume", end.exit_code - 128) from end
        except CodaarError as error:
            failures.append(CodaarError(f"{plan.run.name}, seed {plan.run.seed}: {error.message}", error.help))
    return Measured(arm.name, tuple(results), tuple(failures))


def _run(plan: Plan, observers: Sequence[object]) -> Path:
    """Run a plan, or resume its interrupted run."""
    warn_renamed_settings(plan.notes)
    begun = unfinished_run(plan)
    return engine.run(plan, None if begun is None else str(begun), observers, write_report=report.write)
