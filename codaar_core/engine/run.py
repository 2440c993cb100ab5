"""A run from a checked plan to results.json."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs
import pluggy
import torch

from codaar_core.api import Benchmark, CodaarError, DataSource
from codaar_core.api.hooks import PROJECT, Specification
from codaar_core.engine.assembly.build import build_benchmarks, build_component, build_data, build_model
from codaar_core.engine.data.card import download_hint
from codaar_core.engine.devices.processes import DistributedRanks, joined
from codaar_core.engine.devices.runtime import SingleProcess, make_runtime
from codaar_core.engine.devices.signals import Interrupted, Interruption
from codaar_core.engine.evaluation.seen_clips import SeenClips
from codaar_core.engine.evaluation.transfer import evaluate, make_benchmark_runs
from codaar_core.engine.record.checkpoint import load_training, newest_checkpoint
from codaar_core.engine.record.journal import Journal
from codaar_core.engine.record.lock import lock
from codaar_core.engine.record.lock_comparison import refuse_mismatch
from codaar_core.engine.record.resume import find_run, refuse_changes
from codaar_core.engine.record.run_directory import RunDirectory, write_whole
from codaar_core.engine.results import results
from codaar_core.engine.training.loop import make_optimizer, pretrain
from codaar_core.engine.training.pretraining_cost import pretraining
from codaar_core.engine.training.session import Session
from codaar_core.recipe.plan import Plan


def run(plan: Plan, resume: str | None = None, observers: Sequence[object] = (), locked: Path | None = None) -> Path:
    """Pretrain, evaluate every transfer, and write the run directory.

    Args:
        plan: A checked recipe.
        resume: A run directory to go on with, or "auto" for the newest unfinished run of the same recipe.
        observers: Objects with hook functions, e.g. a progress display.
        locked: A lock file, or a run directory with one; the run must be made of the same.

    Returns:
        The run directory.

    Raises:
        LockMismatch: Something is not what ``locked`` says; nothing was run.
        CodaarError: The run ended early; status.json says how, nothing on disk is half-written.
    """
    with joined(plan, run_worker_rank, resume) as ranks:
        if ranks.rank:
            return run_worker_rank(plan, ranks, resume)
        return _lead(plan, ranks, resume, observers, locked)


def run_worker_rank(plan: Plan, ranks: DistributedRanks, resume: str | None) -> Path:
    """Take part in the run of another process, which writes and reports; gives its directory."""
    runtime = make_runtime(plan.device, ranks)
    data = build_data(plan)
    model = build_model(plan, dict(data.spaces)).to(runtime.device, runtime.dtype)
    benchmarks = build_benchmarks(plan, data, model.quantizer)
    split = data.split("pretrain")
    directory = RunDirectory(Path(ranks.from_first(None)))
    with Interruption() as interruption:
        session = Session(plan, model, runtime, directory, _hooks(attrs.evolve(plan, hooks=()), ()).hook, interruption)
        benchmark_runs = make_benchmark_runs(session, benchmarks, SeenClips(split.ids, plan.evaluate.seen == "drop"))
        optimizer, done = _optimizer(session, resumed=resume is not None)
        pretrain(session, split, optimizer, done)
        evaluate(session, benchmark_runs)
    return directory.path


def _lead(
    plan: Plan,
    ranks: SingleProcess | DistributedRanks,
    resume: str | None,
    observers: Sequence[object],
    locked: Path | None,
) -> Path:
    runtime = make_runtime(plan.device, ranks)
    data = build_data(plan)
    with download_hint(data.card):
        made_of = lock(plan, data, runtime)
    if locked is not None:
        refuse_mismatch(made_of, locked)
    model = build_model(plan, dict(data.spaces)).to(runtime.device, runtime.dtype)
    benchmarks = build_benchmarks(plan, data, model.quantizer)
    directory = _directory(plan, resume)
    hooks = _hooks(plan, observers)
    with directory.claimed(), Interruption() as interruption, _recorded(directory, hooks.hook):
        session = Session(plan, model, runtime, directory, hooks.hook, interruption)
        directory.write_toml("lock.toml", made_of)
        _run_phases(session, data, benchmarks, hooks, resumed=resume is not None)
    return directory.path


def _optimizer(session: Session, resumed: bool) -> tuple[torch.optim.Optimizer, int]:
    """A new optimizer, or the state of the newest checkpoint and the number of steps done."""
    optimizer = make_optimizer(session)
    if not resumed:
        return optimizer, 0
    newest = newest_checkpoint(session.directory.checkpoints)
    done, extra_state = load_training(newest, session.model, optimizer)
    session.go_on(extra_state)
    return optimizer, done


def _run_phases(
    session: Session,
    data: DataSource,
    benchmarks: Mapping[str, Benchmark],
    hooks: pluggy.PluginManager,
    resumed: bool,
) -> None:
    clock = Clock()
    with download_hint(data.card):
        split = data.split("pretrain")
    overlap = SeenClips(split.ids, session.plan.evaluate.seen == "drop")
    overlap.notes += [f"pretraining: {note}" for note in split.notes]
    benchmark_runs = make_benchmark_runs(session, benchmarks, overlap)
    clock.lap("data")
    session.runtime.tell(str(session.directory.path))
    optimizer, done = _optimizer(session, resumed)
    hooks.register(Journal(session.directory, done))
    parameters = sum(parameter.numel() for parameter in session.model.parameters())
    session.hook.codaar_run_start(
        directory=session.directory.path, resolved=session.plan.resolved, parameters=parameters
    )
    steps = pretrain(session, split, optimizer, done)
    clock.lap("pretrain")
    took = pretraining(session, clock.laps["pretrain"], steps, done)
    transfers = evaluate(session, benchmark_runs)
    clock.lap("evaluate")
    record = results(session, data, steps, took, transfers, overlap, clock.laps)
    session.directory.write_json("results.json", record)


class Clock:
    """Seconds by phase."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, phase: str) -> None:
        """Note the seconds since the last lap."""
        now = time.perf_counter()
        self.laps[phase], self._last = now - self._last, now


def _directory(plan: Plan, resume: str | None) -> RunDirectory:
    if resume is not None:
        directory = find_run(plan, resume)
        refuse_changes(plan, directory)
        return directory
    directory = RunDirectory.create(Path(plan.run.directory), plan.run.name)
    write_whole(directory.path / "recipe.toml", plan.source.read_bytes())
    directory.write_toml("resolved.toml", plan.resolved)
    return directory


def _hooks(plan: Plan, observers: Sequence[object]) -> pluggy.PluginManager:
    """Register the observers and the hook components that the recipe switches on."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Specification)
    for observer in observers:
        manager.register(observer)
    for block in plan.hooks:
        manager.register(build_component(plan, block, None), name=block.path)
    manager.check_pending()
    return manager


@contextmanager
def _recorded(directory: RunDirectory, hook: pluggy.HookRelay) -> Iterator[None]:
    """Whatever happens, status.json says how the run ended."""
    directory.set_status("running", phase="start")
    status, details = "failed", {}
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
        try:
            directory.set_status(status, **details)
        except CodaarError:
            if not details:  # else why the run ended is more to the point
                raise
        finally:
            hook.codaar_run_end(directory=directory.path, status=status)
