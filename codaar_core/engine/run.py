"""A run: pretraining, transfer evaluation, results and report of a checked plan."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pluggy
import torch

from codaar_core.api import Benchmark, CodaarError, DataSource
from codaar_core.api.hooks import PROJECT, Specification
from codaar_core.engine.assembly.build import build_benchmarks, build_component, build_data, build_model
from codaar_core.engine.data.card import download_hint
from codaar_core.engine.data.first_batch import check_pretraining_split
from codaar_core.engine.devices.processes import DistributedRanks, RunRanks, connect_ranks
from codaar_core.engine.devices.runtime import make_runtime
from codaar_core.engine.devices.signals import Interrupted, Interruption
from codaar_core.engine.evaluation.seen_clips import SeenClips
from codaar_core.engine.evaluation.transfer import evaluate, make_benchmark_runs
from codaar_core.engine.gathering import gather
from codaar_core.engine.record.checkpoint import load_training, remove_replaced
from codaar_core.engine.record.checkpoint_state import read_state
from codaar_core.engine.record.journal import Journal
from codaar_core.engine.record.lock import lock
from codaar_core.engine.record.lock_comparison import refuse_mismatch
from codaar_core.engine.record.resume import checkpoint_to_resume, find_run, nothing_to_resume, results_are_complete
from codaar_core.engine.record.run_directory import REPORT, RunDirectory
from codaar_core.engine.results import as_json
from codaar_core.engine.training.batches import BatchSchedule
from codaar_core.engine.training.loop import pretrain
from codaar_core.engine.training.optimizer import make_optimizer
from codaar_core.engine.training.pretraining_cost import pretraining
from codaar_core.engine.training.session import Session
from codaar_core.features.files import write_whole
from codaar_core.recipe.plan import Plan

WriteReport = Callable[[Path], Path]
"""Writes the report of a run directory and returns its path."""

AUTO = "auto"  # value of resume


def run(
    plan: Plan,
    resume: str | None = None,
    observers: Sequence[object] = (),
    locked: Path | None = None,
    write_report: WriteReport | None = None,
) -> Path:
    """Pretrain, evaluate every transfer, and write the run directory.

    Args:
        plan: A checked recipe.
        resume: A run directory to resume; or "auto" for the newest unfinished run of the same recipe: without one, a
            finished one is returned as it is, and otherwise a new run is started.
        observers: Objects with hook functions, e.g. a progress display.
        locked: A lock file, or a run directory that contains one; the run must match this lock.
        write_report: Called when results.json is complete.

    Returns:
        The run directory.

    Raises:
        LockMismatch: The run would differ from ``locked``; nothing was run.
        CodaarError: The run ended early; status.json says why, and every file on disk is complete.
    """
    if resume == AUTO and (finished := nothing_to_resume(plan)):
        warnings.warn(f"{finished} is finished: nothing to resume", stacklevel=2)
        return finished
    with connect_ranks(plan, run_worker_rank) as ranks:
        if isinstance(ranks, DistributedRanks) and ranks.rank > 0:
            return run_worker_rank(plan, ranks)
        return _run_first_rank(plan, ranks, resume, observers, locked, write_report)


@attrs.frozen
class Start:
    """Where a run begins; rank zero decides it and tells the other ranks.

    Attributes:
        directory: The run directory.
        checkpoint: The checkpoint to continue from; None for a new run.
        only_report: Whether the results are complete and only the report is missing.
    """

    directory: Path
    checkpoint: Path | None = None
    only_report: bool = False

    def message(self) -> str:
        """Return this as JSON, to be sent to other ranks."""
        return json.dumps([str(self.directory), self.checkpoint and str(self.checkpoint), self.only_report])

    @classmethod
    def received(cls, message: str) -> Start:
        """Return what ``message`` was made from."""
        directory, checkpoint, only_report = json.loads(message)
        return cls(Path(directory), checkpoint and Path(checkpoint), only_report)


def run_worker_rank(plan: Plan, ranks: DistributedRanks) -> Path:
    """Run as one of the ranks 1, 2, ...; only rank zero writes files and reports.

    Args:
        plan: The plan, the same on all ranks.
        ranks: The ranks of the run.

    Returns:
        The run directory.
    """
    runtime = make_runtime(plan.device, ranks)
    data = build_data(plan)
    model = build_model(plan, dict(data.spaces)).to(runtime.device, runtime.dtype)
    benchmarks = build_benchmarks(plan, data, model.quantizer)
    split = data.split("pretrain")
    start = Start.received(ranks.broadcast(None))
    if start.only_report:
        return start.directory
    with Interruption() as interruption:
        session = Session(plan, model, runtime, RunDirectory(start.directory), _no_hooks(), interruption)
        benchmark_runs = make_benchmark_runs(session, benchmarks, SeenClips(split.ids, plan.evaluate.seen == "drop"))
        optimizer, done = _restored_optimizer(session, start.checkpoint)
        pretrain(session, split, optimizer, done)
        evaluate(session, benchmark_runs)
    return start.directory


def _run_first_rank(
    plan: Plan,
    ranks: RunRanks,
    resume: str | None,
    observers: Sequence[object],
    locked: Path | None,
    write_report: WriteReport | None,
) -> Path:
    runtime = make_runtime(plan.device, ranks)
    data = build_data(plan)
    with download_hint(data.card):
        current_lock = lock(plan, data, runtime)
    if locked is not None:
        refuse_mismatch(current_lock, locked)
    model = build_model(plan, dict(data.spaces)).to(runtime.device, runtime.dtype)
    benchmarks = build_benchmarks(plan, data, model.quantizer)
    directory, resumed = _directory(plan, resume)
    hook = _hooks(plan, observers).hook
    with directory.exclusive(), Interruption() as interruption:
        directory.remove_partial()
        start = _resumed(plan, directory, current_lock) if resumed else Start(directory.path)
        with _recorded(directory, hook, REPORT if start.only_report else "start"):
            session = Session(plan, model, runtime, directory, hook, interruption)
            directory.write_toml("lock.toml", current_lock)
            _run_phases(session, start, data, benchmarks)
            if write_report is not None:
                hook.codaar_report_written(directory=directory.path, path=write_report(directory.path))
    return directory.path


def _resumed(plan: Plan, directory: RunDirectory, current_lock: Mapping[str, Any]) -> Start:
    """Find the checkpoint to continue from, and remove what it replaces.

    Raises:
        CodaarError: No checkpoint is intact.
    """
    checkpoint = checkpoint_to_resume(directory)
    remove_replaced(directory.checkpoints, read_state(checkpoint), plan.run.keep)
    return Start(directory.path, checkpoint, results_are_complete(plan, directory, current_lock))


def _restored_optimizer(session: Session, checkpoint: Path | None) -> tuple[torch.optim.Optimizer, int]:
    """Return the optimizer and the number of steps done; a resumed run loads its checkpoint."""
    optimizer = make_optimizer(session.model, session.plan.optimizer)
    if checkpoint is None:
        return optimizer, 0
    done, extra_state = load_training(checkpoint, session.model, optimizer)
    session.load_extra_state(extra_state)
    session.finished_epochs.load(read_state(checkpoint), session.directory.checkpoints)
    return optimizer, done


def _run_phases(session: Session, start: Start, data: DataSource, benchmarks: Mapping[str, Benchmark]) -> None:
    """Pretrain, evaluate and write results.json, unless it is complete."""
    clock = Clock()
    with download_hint(data.card):
        split = data.split("pretrain")
        check_pretraining_split(session.plan, data, split)
    overlap = SeenClips(split.ids, session.plan.evaluate.seen == "drop")
    overlap.notes += [f"pretraining: {note}" for note in split.notes]
    benchmark_runs = make_benchmark_runs(session, benchmarks, overlap)
    clock.lap("data")
    session.runtime.send_to_workers(start.message())
    optimizer, done = _restored_optimizer(session, start.checkpoint)
    session.hook.codaar_run_start(
        directory=session.directory.path,
        resolved=session.plan.resolved,
        parameters=sum(parameter.numel() for parameter in session.model.parameters()),
        epoch=done // BatchSchedule.of(len(split), session.plan.batch).steps,
        step=done,
        finished=tuple(session.finished_epochs.rows),
    )
    if start.only_report:
        return
    steps = pretrain(session, split, optimizer, done)
    clock.lap("pretrain")
    took = pretraining(session, clock.laps["pretrain"], steps, done)
    evaluation = evaluate(session, benchmark_runs)
    clock.lap("evaluate")
    gathered = gather(session, data, steps, took, evaluation, overlap, clock.laps)
    session.directory.write_json("results.json", as_json(gathered))
    session.directory.set_status("running", phase=REPORT)


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


def _directory(plan: Plan, resume: str | None) -> tuple[RunDirectory, bool]:
    """Return the run directory, and whether it is one to resume; "auto" makes a new one if there is none."""
    found = None if resume is None else find_run(plan, resume)
    if found is not None:
        return found, True
    directory = RunDirectory.create(Path(plan.run.directory), plan.run.name)
    if resume is not None:
        warnings.warn(f"no unfinished run of this recipe has a checkpoint: {directory.path} is new", stacklevel=2)
    write_whole(directory.path / "recipe.toml", plan.source.read_bytes())
    directory.write_toml("resolved.toml", plan.resolved)
    return directory, False


def _hooks(plan: Plan, observers: Sequence[object]) -> pluggy.PluginManager:
    """Register the observers, the hook components enabled in the recipe, and the journal."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Specification)
    for observer in observers:
        manager.register(observer)
    for block in plan.hooks:
        manager.register(build_component(plan, block, None), name=block.path)
    manager.register(Journal())  # called first, as pluggy calls the last registered first: others find values on disk
    manager.check_pending()
    return manager


def _no_hooks() -> pluggy.HookRelay:
    """Return hooks without implementations, for the ranks that do not report."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Specification)
    return manager.hook


@contextmanager
def _recorded(directory: RunDirectory, hook: pluggy.HookRelay, phase: str) -> Iterator[None]:
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
