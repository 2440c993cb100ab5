"""Hooks and status of a run or evaluation, and the time of its phases."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pluggy

from codaar_core.api import CodaarError
from codaar_core.api.hooks import PROJECT, Specification
from codaar_core.engine.assembly.build import build_component
from codaar_core.engine.devices.signals import Interrupted
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.recipe.plan import Plan


class Clock:
    """Measures the wall time of each phase.

    Attributes:
        laps: Seconds by phase.
    """

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, phase: str) -> None:
        """Record the seconds since the last lap as the time of ``phase``."""
        now = time.perf_counter()
        self.laps[phase], self._last = now - self._last, now

    def move(self, phase: str, part: str, seconds: Sequence[float]) -> None:
        """Count ``seconds`` of the time of ``phase`` as another phase ``part``, if there are any."""
        if seconds:
            self.laps[part] = sum(seconds)
            self.laps[phase] -= self.laps[part]


def make_hooks(plan: Plan, observers: Sequence[object], *last: object) -> pluggy.PluginManager:
    """Register the observers, the hook components enabled in the recipe, and further implementations.

    Args:
        plan: The plan.
        observers: Objects with hook functions.
        *last: Further ones, called first: pluggy calls the last registered one first.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Specification)
    for observer in observers:
        manager.register(observer)
    for block in plan.hooks:
        manager.register(build_component(plan, block, None), name=block.path)
    for observer in last:
        manager.register(observer)
    manager.check_pending()
    return manager


def no_hooks() -> pluggy.HookRelay:
    """Return hooks without implementations, for the ranks that do not report."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Specification)
    return manager.hook


@contextmanager
def recorded(directory: RunDirectory, hook: pluggy.HookRelay, phase: str) -> Iterator[None]:
    """Record in status.json how the run ended, also when it fails; "finished" is written after every other file."""
    directory.set_status("running", phase=phase)
    status, details = "failed", dict[str, Any]()
    try:
        yield
        status = "finished"
    except Interrupted as end:
        status, details = "interrupted", {"message": end.message, "exit_code": end.exit_code}
        raise
    except KeyboardInterrupt as end:
        status, details = "interrupted", {"message": str(end), "exit_code": getattr(end, "exit_code", 130)}
        raise
    except Exception as error:
        message = error.message if isinstance(error, CodaarError) else f"{type(error).__name__}: {error}"
        details = {"message": message, "exit_code": getattr(error, "exit_code", 1)}
        raise
    finally:
        if status != "finished":
            details["phase"] = directory.last_known("phase")
        try:
            directory.set_status(status, **details)
        except CodaarError:
            if not details:  # otherwise the error that ended the run is the one to report
                raise
        finally:
            hook.codaar_run_end(directory=directory.path, status=status)
