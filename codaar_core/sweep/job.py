"""One run of a sweep, done in this process or described for another one."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from codaar_core import engine, report
from codaar_core.api import CodaarError
from codaar_core.engine.devices.signals import Interrupted
from codaar_core.engine.record.resume import unfinished_run
from codaar_core.recipe.checking.renamed import warn_renamed_settings
from codaar_core.recipe.plan import Plan
from codaar_core.recipe.sweep import load_sweep

AGAIN = "give the same command again to resume"
Observers = Callable[[Plan], Sequence[object]]
"""Returns the observers of a run; for a run in another process, it must be picklable."""


def no_observers(plan: Plan) -> Sequence[object]:
    """Return no observer."""
    return ()


def run_plan(plan: Plan, observers: Sequence[object]) -> Path:
    """Run a plan, or resume its interrupted run; a pretraining with the same weights is taken over."""
    warn_renamed_settings(plan.notes)
    begun = unfinished_run(plan)
    resume = None if begun is None else str(begun)
    return engine.run(plan, resume, observers, write_report=report.write, reuse=True)


def failure(plan: Plan, error: Exception) -> CodaarError:
    """Return the failure of one run; the error itself is not kept, because its frames hold the memory of the run."""
    run = f"{plan.run.name}, seed {plan.run.seed}"
    if isinstance(error, CodaarError):
        return CodaarError(f"{run}: {error.message}", AGAIN if isinstance(error, Interrupted) else error.help)
    cause = " ".join(f"{type(error).__name__}: {error}".split())
    return CodaarError(
        f"{run}: unexpected {cause}", "give the same command with `--arm` and `--traceback` to see where"
    )


@attrs.frozen
class Outcome:
    """How a run in another process has ended; message and help are empty if it is finished."""

    message: str = ""
    help: str = ""
    interrupted: bool = False  # by a signal

    @property
    def error(self) -> CodaarError | None:
        """The failure of the run, if it failed."""
        return CodaarError(self.message, self.help) if self.message else None


@attrs.frozen
class Job:
    """A run of a sweep that another process does; picklable.

    The other process reads the recipe again: components of local files cannot be pickled.
    """

    recipe: Path
    overrides: tuple[str, ...]
    plugins: tuple[str, ...]
    arm: str
    seed: int
    observers: Observers = no_observers

    @property
    def name(self) -> str:
        """Arm and seed, e.g. of the log."""
        return f"{self.arm}-seed{self.seed}"

    def __call__(self) -> Outcome:
        """Do the run, or resume it; errors are written to stderr, which is the log, and returned."""
        plan = self._plan()
        try:
            run_plan(plan, self.observers(plan))
        except Exception as error:
            if not isinstance(error, CodaarError):
                traceback.print_exc()
            failed = failure(plan, error)
            print(f"error: {failed}", file=sys.stderr, flush=True)
            return Outcome(failed.message, failed.help, isinstance(error, Interrupted))
        return Outcome()

    def _plan(self) -> Plan:
        arms = load_sweep(self.recipe, self.overrides, self.plugins).arms
        return next(plan for arm in arms if arm.name == self.arm for plan in arm.plans if plan.run.seed == self.seed)
