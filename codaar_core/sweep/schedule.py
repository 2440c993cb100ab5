"""Several runs of a sweep at once, in processes of this machine or of a cluster."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import attrs

from codaar_core.api import CodaarError
from codaar_core.engine.devices.signals import Interruption
from codaar_core.engine.record.pretraining_key import pretraining_settings
from codaar_core.recipe.plan import Plan
from codaar_core.sweep.job import AGAIN, Job, Outcome

POLL = 0.1  # seconds between two looks at the running processes


class Started(Protocol):
    """A run in another process."""

    log: Path

    def outcome(self) -> Outcome | None:
        """How it has ended; None while it runs."""

    def stop(self) -> None:
        """Ask it to save a checkpoint and to end."""

    def kill(self) -> None:
        """End it at once."""


class Launcher(Protocol):
    """Starts runs in other processes."""

    def start(self, job: Job, slot: int) -> Started:
        """Start a run.

        Args:
            job: The run.
            slot: From 0; no other run that is going on has the same.
        """


@attrs.frozen
class Task:
    """A run that is to be done."""

    job: Job
    plan: Plan

    @property
    def pretraining(self) -> str:
        """Runs with different ones cannot share a pretraining."""
        return json.dumps([pretraining_settings(self.plan), self.plan.weights_from], sort_keys=True, default=str)


@attrs.frozen
class _Running:
    task: Task
    slot: int
    process: Started
    began: float


class Schedule:
    """Starts tasks in order, at most ``at_once`` at a time.

    Of tasks that may share a pretraining, the first one runs alone; the others wait for its end and take it over.

    Args:
        tasks: The tasks, in order.
        launcher: Starts them.
        at_once: The largest number of tasks that run at the same time.
        announce: Called when a task has started, with the task, its log and its expected remaining seconds.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        launcher: Launcher,
        at_once: int,
        announce: Callable[[Task, Path, float | None], None],
    ) -> None:
        self.waiting = list(tasks)
        self.launcher = launcher
        self.at_once = at_once
        self.announce = announce
        self.running: list[_Running] = []
        self.pretrained: set[str] = set()  # of tasks that are finished
        self.seconds: list[float] = []  # that each ended task took
        self.failures: dict[str, CodaarError] = {}  # by the name of the job

    def run(self) -> dict[str, CodaarError]:
        """Run all tasks; a failed one does not stop the others.

        Returns:
            The failures by the name of the job.

        Raises:
            Interrupted: A signal was received. All processes were asked to save a checkpoint, and have ended.
        """
        with Interruption() as interruption:
            try:
                while not interruption.by and (self.waiting or self.running):
                    self._start()
                    self._collect()
                self._stop()
            finally:  # a second signal, or an error of the launcher
                for each in self.running:
                    each.process.kill()
            interruption.check("with unfinished runs", AGAIN)
        return self.failures

    def _start(self) -> None:
        while len(self.running) < self.at_once and (task := self._next()) is not None:
            self.waiting.remove(task)
            slot = min(set(range(self.at_once)) - {each.slot for each in self.running})
            process = self.launcher.start(task.job, slot)
            left = self._seconds_left(1 + len(self.waiting) + len(self.running))
            self.running.append(_Running(task, slot, process, time.monotonic()))
            self.announce(task, process.log, left)

    def _next(self) -> Task | None:
        """The first task that need not wait for the pretraining of a running one."""
        busy = {each.task.pretraining for each in self.running} - self.pretrained
        return next((task for task in self.waiting if task.pretraining not in busy), None)

    def _seconds_left(self, tasks: int) -> float | None:
        """Expected seconds of so many tasks, by the mean of those that have ended."""
        return sum(self.seconds) / len(self.seconds) * tasks / self.at_once if self.seconds else None

    def _collect(self) -> None:
        time.sleep(POLL)
        for each in list(self.running):
            outcome = each.process.outcome()
            if outcome is not None:
                self.running.remove(each)
                self._ended(each, outcome)

    def _ended(self, run: _Running, outcome: Outcome) -> None:
        self.seconds.append(time.monotonic() - run.began)
        if outcome.error is None:
            self.pretrained.add(run.task.pretraining)
        else:
            self.failures[run.task.job.name] = outcome.error

    def _stop(self) -> None:
        """Ask the running processes to end, and wait until they have."""
        for each in self.running:
            each.process.stop()
        while self.running:
            self._collect()
