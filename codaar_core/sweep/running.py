"""Every arm of a sweep, one run after the other; what is finished is not run again."""

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
    """What became of an arm."""

    arm: str
    results: tuple[Results, ...]  # of the runs that finished
    failures: tuple[CodaarError, ...] = ()  # of the runs that failed, each with its name and seed


def run_sweep(
    sweep: Sweep,
    only: Sequence[str] = (),
    observers: Callable[[Plan], Sequence[object]] = lambda plan: (),
    run: bool = True,
) -> list[Measured]:
    """Run what has not been run yet.

    A run that fails does not keep the others from running; one that is interrupted ends the sweep.

    Args:
        sweep: A checked sweep.
        only: Names of the arms to run; none: all. The others are measured by the runs they have.
        observers: Gives the observers of a run.
        run: Whether anything is run at all, or only what is finished is read.

    Raises:
        CodaarError: There is no arm of that name.
        Interrupted: A signal came in; the same call goes on later.
    """
    known = [arm.name for arm in sweep.arms]
    unknown = [name for name in only if name not in known]
    if unknown:
        help = did_you_mean(unknown[0], known) or f"its arms are {', '.join(known)}"
        raise CodaarError(f"no arm {unknown[0]!r} in this sweep", help)
    return [_measure(arm, run and (not only or arm.name in only), observers) for arm in sweep.arms]


def _measure(arm: Arm, wanted: bool, observers: Callable[[Plan], Sequence[object]]) -> Measured:
    results, failures = [], []
    for plan in arm.plans:
        try:
            directory = finished_run(plan) or (wanted and _run(plan, observers(plan)))
        except Interrupted as end:
            raise Interrupted(end.message, "the same command goes on", end.exit_code - 128) from end
        except CodaarError as error:
            failures.append(CodaarError(f"{plan.run.name}, seed {plan.run.seed}: {error.message}", error.help))
            continue
        if directory:
            results.append(report.read(directory))
    return Measured(arm.name, tuple(results), tuple(failures))


def _run(plan: Plan, observers: Sequence[object]) -> Path:
    """Run a plan, or go on with the run of it that was stopped."""
    warn_renamed_settings(plan.notes)
    begun = unfinished_run(plan)
    return engine.run(plan, None if begun is None else str(begun), observers, write_report=report.write)
