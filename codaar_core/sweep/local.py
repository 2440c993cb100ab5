"""Runs of a sweep in processes of this machine, which share out its cores and GPUs."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from codaar_core.engine.devices.lost_processes import watch_processes
from codaar_core.engine.devices.runtime import usable_cores
from codaar_core.sweep.job import AGAIN, Job, Outcome

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
GPUS = "CUDA_VISIBLE_DEVICES"


class LocalLauncher:
    """Starts each run as a process of its own.

    Args:
        at_once: Number of runs among which cores and GPUs are shared out.
        logs: Folder of what the runs print; each is added to ARM-seedN.log.
    """

    def __init__(self, at_once: int, logs: Path) -> None:
        self.at_once = at_once
        self.logs = logs

    def start(self, job: Job, slot: int) -> LocalRun:
        """Start a run with the share of the machine that belongs to ``slot``."""
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{job.name}.log"
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_main, args=(job, log, sender))
        with _environment(share(slot, self.at_once, usable_cores(), _gpus())):
            process.start()
        sender.close()
        return LocalRun(job, log, process, receiver)


class LocalRun:
    """A run in a process of this machine."""

    def __init__(self, job: Job, log: Path, process: BaseProcess, receiver: Connection) -> None:
        self.job = job
        self.log = log
        self._process = process
        self._receiver = receiver

    def outcome(self) -> Outcome | None:
        """How the run has ended; None while it runs."""
        code = self._process.exitcode
        if code is None:
            return None
        try:
            return self._receiver.recv()
        except EOFError:
            how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
            return Outcome(f"{self.job.arm}, seed {self.job.seed}: its process ended {how}", f"{self.log}; {AGAIN}")

    def stop(self) -> None:
        """Send SIGTERM, upon which the run saves a checkpoint; after Ctrl-C, it has got a signal already."""
        self._process.terminate()

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()


def share(slot: int, at_once: int, cores: int, gpus: Sequence[str]) -> dict[str, str]:
    """Return the environment variables that give a run its share of the machine.

    Args:
        slot: Place of the run among those that go on, from 0.
        at_once: Number of runs that go on.
        cores: Number of CPU cores.
        gpus: Names of the GPUs; with fewer GPUs than runs, several runs use the same one.
    """
    values = {name: str(max(1, cores // at_once)) for name in THREADS}
    if gpus:
        values[GPUS] = ",".join(gpus[slot::at_once] or [gpus[slot % len(gpus)]])
    return values


def _gpus() -> list[str]:
    visible = os.environ.get(GPUS)
    return [str(gpu) for gpu in range(torch.cuda.device_count())] if visible is None else visible.split(",")


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Inside the context, new processes have these variables; numbers of threads that the user has set stay."""
    changed = {name: value for name, value in values.items() if name == GPUS or name not in os.environ}
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def _main(job: Job, log: Path, sender: Connection) -> None:
    """Main function of the process of a run."""
    with log.open("a", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    parent = multiprocessing.parent_process()
    with watch_processes([parent], lambda: "the sweep that started this run has ended"):
        outcome = job()
    sys.stdout.flush()
    with suppress(BrokenPipeError):  # the sweep has ended
        sender.send(outcome)
