"""Runs of a sweep as jobs of a Slurm cluster, submitted by submitit."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from codaar_core.api import CodaarError
from codaar_core.sweep.job import AGAIN, Job, Outcome

INSTALL = 'python -m pip install "codaar-core[cluster]"'
TIME = "time"  # the option of sbatch that must be given, in minutes
TIMEOUTS = 100  # how often a job that has used up its time is queued again
PREEMPTED = 60  # seconds between SIGTERM, which comes first, and the signal upon which submitit queues a job again


@attrs.frozen
class Requeued:
    """A job that goes on from its last checkpoint when Slurm preempts it or its time is used up."""

    job: Job

    def __call__(self) -> Outcome:
        """Do the run, or resume it; a job that was told to end, with its checkpoint saved, waits for what follows."""
        outcome = self.job()
        if outcome.interrupted:
            time.sleep(PREEMPTED)  # Slurm cancels the job, or preempts it: then the handler of submitit ends this
        return outcome

    def checkpoint(self) -> Any:
        """Return what submitit puts into the queue again: the same call, which resumes the run."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


class SlurmLauncher:
    """Submits each run as a job of its own, with the log of submitit.

    Args:
        name: Name of the sweep, the first part of the names of its jobs.
        folder: Folder for the files of submitit, among them the logs; the nodes must see it.
        options: Options of ``sbatch`` by name, e.g. partition; ``time`` in minutes is required.

    Raises:
        CodaarError: submitit is not installed, this machine is not part of a cluster, or ``time`` is missing or no
            number of minutes.
    """

    def __init__(self, name: str, folder: Path, options: Mapping[str, str]) -> None:
        self.name = name
        self._executor = _executor(folder)
        self._executor.update_parameters(**_parameters(options))

    def start(self, job: Job, slot: int) -> SlurmRun:
        """Submit a run."""
        self._executor.update_parameters(name=f"{self.name}-{job.name}")
        try:
            return SlurmRun(job, self._executor.submit(Requeued(job)))
        except Exception as error:  # of sbatch, e.g. there is no such partition
            cause = " ".join(str(error).split())
            raise CodaarError(f"the run {job.name} could not be submitted: {cause}", "change --slurm") from error


class SlurmRun:
    """A run as a job of a cluster."""

    def __init__(self, job: Job, submitted: Any) -> None:
        self.job = job
        self.log = Path(submitted.paths.stdout)
        self._submitted = submitted
        self._cancelled = False

    def outcome(self) -> Outcome | None:
        """How the job has ended; None while it waits or runs."""
        if self._cancelled:
            return self._failed("was cancelled")
        if not self._submitted.done():
            return None
        try:
            return self._submitted.result()
        except Exception as error:  # it was cancelled, ran out of memory, or its node failed
            return self._failed(f"failed: {' '.join(str(error).split())}")

    def _failed(self, how: str) -> Outcome:
        return Outcome(f"{self.job.arm}, seed {self.job.seed}: job {self._submitted.job_id} {how}", AGAIN)

    def stop(self) -> None:
        """Cancel the job; Slurm sends SIGTERM first, upon which the run saves a checkpoint."""
        self._submitted.cancel()
        self._cancelled = True

    def kill(self) -> None:
        """Cancel the job: there is no faster way."""
        self.stop()


def _executor(folder: Path) -> Any:
    try:
        import submitit
    except ImportError as error:
        raise CodaarError("jobs for Slurm need the package submitit, which is not installed", INSTALL) from error
    try:
        return submitit.AutoExecutor(folder, cluster="slurm", slurm_max_num_timeout=TIMEOUTS)
    except RuntimeError as error:
        raise CodaarError(
            "this machine has no command `srun`: it is not part of a Slurm cluster", "`-j N` runs on this machine"
        ) from error


def _parameters(options: Mapping[str, str]) -> dict[str, Any]:
    """Return the options as submitit takes them: the time for its own use too, all others for sbatch as they are."""
    others = {name.replace("_", "-"): value for name, value in options.items() if name != TIME}
    minutes = options.get(TIME, "")
    if not minutes.isdigit():
        raise CodaarError("Slurm needs the time limit of a job in minutes", f"give `--slurm {TIME}=MINUTES`")
    return {"slurm_time": int(minutes), "slurm_additional_parameters": others}
