"""A run: pretraining, transfer evaluation, results and report of a checked plan."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from codaar_core.api import Benchmark, DataSource
from codaar_core.engine.assembly.build import build_benchmarks, build_data, build_model
from codaar_core.engine.data.card import download_hint
from codaar_core.engine.data.first_batch import check_pretraining_split
from codaar_core.engine.devices.processes import DistributedRanks, RunRanks, connect_ranks
from codaar_core.engine.devices.reader_processes import ReaderProcesses
from codaar_core.engine.devices.runtime import make_runtime
from codaar_core.engine.devices.signals import Interruption
from codaar_core.engine.evaluation.learning_curves import LearningCurves
from codaar_core.engine.evaluation.seen_clips import SeenClips
from codaar_core.engine.evaluation.transfer import evaluate, make_benchmark_runs
from codaar_core.engine.gathering import Pretrained, gather
from codaar_core.engine.lifecycle.collapse_alarm import CollapseAlarm
from codaar_core.engine.lifecycle.initial_weights import LOCKED, earlier_initial_weights, initial_weights
from codaar_core.engine.lifecycle.observing import Clock, make_hooks, no_hooks, recorded
from codaar_core.engine.lifecycle.pretrained import data_origin, origin_of, transfers_of
from codaar_core.engine.lifecycle.reuse import continue_from, with_earlier_cost
from codaar_core.engine.lifecycle.start import Start, new_directory, recorded_clips, restored_optimizer, resumed
from codaar_core.engine.model_evaluation import EvaluationRequest, evaluate_model
from codaar_core.engine.record.checkpoint import newest_checkpoint
from codaar_core.engine.record.journal import Journal, events_until
from codaar_core.engine.record.lock import lock, resume_command
from codaar_core.engine.record.lock_comparison import refuse_mismatch
from codaar_core.engine.record.pretraining_key import KEY, find_pretraining, pretraining_key
from codaar_core.engine.record.resume import Continuation, continuation, find_run, nothing_to_resume
from codaar_core.engine.record.run_directory import REPORT, RunDirectory
from codaar_core.engine.results import as_json
from codaar_core.engine.training.batches import BatchSchedule
from codaar_core.engine.training.loop import pretrain
from codaar_core.engine.training.passes.held_out import divide
from codaar_core.engine.training.passes.micro_batches import refuse_several_processes
from codaar_core.engine.training.pretraining_cost import pretraining
from codaar_core.engine.training.session import Session
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
    reuse: bool = False,
) -> Path:
    """Pretrain, evaluate every transfer, and write the run directory.

    Args:
        plan: A checked recipe.
        resume: A run directory to resume; or "auto" for the newest unfinished run of the same recipe: without one, a
            finished one is returned as it is, and otherwise a new run is started. A finished run directory is returned
            as it is; evaluated anew, in a folder of its own, if the plan has other benchmarks; and trained on in a new
            run directory, if the plan has more epochs.
        observers: Objects with hook functions, e.g. a progress display.
        locked: A lock file, or a run directory that contains one; the run must match this lock.
        write_report: Called when results.json is complete.
        reuse: Take over the pretraining of an earlier run below ``run.directory`` with the same pretraining key.

    Returns:
        The run directory, or the folder of the evaluation.

    Raises:
        LockMismatch: The run would differ from ``locked``; nothing was run.
        CodaarError: The run ended early; status.json says why, and every file on disk is complete.
    """
    if resume == AUTO and (finished := nothing_to_resume(plan)):
        warnings.warn(f"{finished} is finished: nothing to resume", stacklevel=2)
        return finished
    beginning = Beginning(reuse=reuse, auto=resume == AUTO)
    directory = None if resume is None else find_run(plan, resume)
    if directory is not None:
        how = continuation(plan, directory)
        if how is Continuation.NOTHING:
            return _finished(directory, write_report)
        if how is Continuation.EVALUATE:
            return evaluate_model(_evaluation(plan, directory), observers, locked, write_report)
        trains_on = how is Continuation.TRAIN_ON
        beginning = Beginning(trained_on=directory) if trains_on else Beginning(resumed=directory)
    with connect_ranks(plan, run_worker_rank) as ranks:
        if isinstance(ranks, DistributedRanks) and ranks.rank > 0:
            return run_worker_rank(plan, ranks)
        return _run_first_rank(plan, ranks, beginning, observers, locked, write_report)


@attrs.frozen(kw_only=True)
class Beginning:
    """What a run begins with, decided before anything is built.

    Attributes:
        resumed: The unfinished run directory that is resumed.
        trained_on: The finished run whose training goes on in a new run directory.
        reuse: Whether a new run takes over the pretraining of an earlier one with the same key.
        auto: Whether an unfinished run was looked for.
    """

    resumed: RunDirectory | None = None
    trained_on: RunDirectory | None = None
    reuse: bool = False
    auto: bool = False

    @property
    def earlier(self) -> RunDirectory | None:
        """The run whose checkpoint is continued; None for a new run."""
        return self.resumed or self.trained_on


def _finished(directory: RunDirectory, write_report: WriteReport | None) -> Path:
    """Return a finished run as it is; a missing report is written."""
    warnings.warn(f"{directory.path} is finished: nothing to resume", stacklevel=3)
    if write_report is not None and not (directory.path / "report.html").exists():
        write_report(directory.path)
    return directory.path


def _evaluation(plan: Plan, directory: RunDirectory) -> EvaluationRequest:
    """Return the evaluation of a finished run with the other benchmarks or seeds of a plan."""
    checkpoint = newest_checkpoint(directory.checkpoints)
    warnings.warn(f"{directory.path} is finished: its model is evaluated again, in a folder of its own", stacklevel=3)
    again = resume_command(plan, directory.path)
    return EvaluationRequest(
        model=directory.path, checkpoint=checkpoint, plan=plan, command=again, resume_command=again, resume=True
    )


def run_worker_rank(plan: Plan, ranks: DistributedRanks) -> Path:
    """Run as one of the ranks 1, 2, ...; only rank zero writes files and reports.

    Args:
        plan: The plan, the same on all ranks.
        ranks: The ranks of the run.

    Returns:
        The run directory.
    """
    refuse_several_processes(plan, ranks)
    runtime = make_runtime(plan.device, ranks)
    data = build_data(plan)
    model = build_model(plan, dict(data.spaces)).to(runtime.device, runtime.dtype)
    benchmarks = build_benchmarks(plan, data, model.quantizer)
    trained, held_out = divide(data.split("pretrain"), plan.validation_share)
    start = Start.received(ranks.broadcast(None))
    if start.only_report:
        return start.directory
    with Interruption() as interruption, _readers(plan) as readers:
        runtime = attrs.evolve(runtime, readers=readers)
        if start.checkpoint is None and (initial := initial_weights(plan)):
            initial.load_into(model)
        session = Session(plan, model, runtime, RunDirectory(start.directory), no_hooks(), interruption)
        benchmark_runs = make_benchmark_runs(session, benchmarks, SeenClips(start.clips, plan.evaluate.seen == "drop"))
        optimizer, done = restored_optimizer(session, start.checkpoint)
        pretrain(session, trained, optimizer, done, held_out, LearningCurves(session, benchmark_runs).evaluate)
        evaluate(session, benchmark_runs)
    return start.directory


def _run_first_rank(
    plan: Plan,
    ranks: RunRanks,
    beginning: Beginning,
    observers: Sequence[object],
    locked: Path | None,
    write_report: WriteReport | None,
) -> Path:
    refuse_several_processes(plan, ranks)
    runtime = make_runtime(plan.device, ranks)
    data = build_data(plan)
    with download_hint(data.card):
        current_lock = lock(plan, data, runtime)
    initial = initial_weights(plan) if beginning.earlier is None else None
    if began := initial.locked() if initial else _began_from(beginning):
        current_lock[LOCKED] = began
    current_lock[KEY] = pretraining_key(plan, current_lock, began.get("sha256", ""))
    if locked is not None:
        refuse_mismatch(current_lock, locked)
    model = build_model(plan, dict(data.spaces)).to(runtime.device, runtime.dtype)
    if initial is not None:
        initial.load_into(model)
    benchmarks = build_benchmarks(plan, data, model.quantizer)
    directory = beginning.resumed or _new_directory(plan, beginning)
    hook = make_hooks(plan, observers, CollapseAlarm(model.quantizer), Journal()).hook  # the journal is called first
    with directory.exclusive(), Interruption() as interruption, _readers(plan) as readers:
        runtime = attrs.evolve(runtime, readers=readers)
        directory.remove_partial()
        start = _start(plan, directory, beginning, current_lock)
        with recorded(directory, hook, REPORT if start.only_report else "start"), interruption.reported():
            session = Session(plan, model, runtime, directory, hook, interruption)
            directory.write_toml("lock.toml", current_lock)
            if initial is not None:
                initial.record_clips(directory)
            _run_phases(session, start, data, benchmarks)
            if write_report is not None:
                hook.codaar_report_written(directory=directory.path, path=write_report(directory.path))
    return directory.path


def _readers(plan: Plan) -> ReaderProcesses:
    return ReaderProcesses(plan.workers, plan.run.plugins)


def _began_from(beginning: Beginning) -> dict[str, Any]:
    """Return the weights that a run which is continued began from; empty if these were random."""
    return {} if beginning.earlier is None else earlier_initial_weights(beginning.earlier)


def _new_directory(plan: Plan, beginning: Beginning) -> RunDirectory:
    directory = new_directory(plan)
    if beginning.auto:
        warnings.warn(f"no unfinished run of this recipe has a checkpoint: {directory.path} is new", stacklevel=3)
    return directory


def _start(plan: Plan, directory: RunDirectory, beginning: Beginning, current_lock: dict[str, Any]) -> Start:
    """Return where the run begins; a checkpoint of another run is copied.

    Raises:
        CodaarError: No checkpoint of the run to continue is intact.
    """
    if beginning.resumed is not None:
        return resumed(plan, directory, current_lock)
    if beginning.trained_on is not None:
        return continue_from(beginning.trained_on, directory)
    earlier = None if plan.evaluate.every else find_pretraining(plan, current_lock[KEY])
    if earlier is None:
        return Start(directory.path)
    if not beginning.reuse:
        warnings.warn(f"{earlier.path} has the same pretraining: --reuse takes it over", stacklevel=2)
        return Start(directory.path)
    return continue_from(earlier, directory)


def _run_phases(session: Session, start: Start, data: DataSource, benchmarks: Mapping[str, Benchmark]) -> None:
    """Pretrain, evaluate and write results.json, unless it is complete."""
    clock = Clock()
    with download_hint(data.card):
        split = data.split("pretrain")
        check_pretraining_split(session.plan, data, split)
    if session.plan.workers and not split.reads_files:
        warnings.warn(
            "data.workers has no effect on pretraining: its clips are in memory or mapped into it", stacklevel=2
        )
    trained, held_out = divide(split, session.plan.validation_share)
    start = attrs.evolve(start, clips=recorded_clips(session.directory, split.ids))
    overlap = SeenClips(start.clips, session.plan.evaluate.seen == "drop")
    overlap.notes += [f"pretraining: {note}" for note in split.notes]
    benchmark_runs = make_benchmark_runs(session, benchmarks, overlap)
    clock.lap("data")
    session.runtime.send_to_workers(start.message())
    optimizer, done = restored_optimizer(session, start.checkpoint)
    learning_curves = LearningCurves(session, benchmark_runs)
    learning_curves.resume(done)
    session.hook.codaar_run_start(
        directory=session.directory.path,
        resolved=session.plan.resolved,
        parameters=sum(parameter.numel() for parameter in session.model.parameters()),
        codewords=session.model.quantizer.size,
        epoch=done // BatchSchedule.of(len(trained), session.plan.batch).steps,
        step=done,
        finished=tuple(session.finished_epochs.rows),
        logged=events_until(session.directory, done),
        curves=tuple(as_json(curve) for curve in learning_curves.records()),
        results=transfers_of(session.directory.path) if start.only_report else (),
    )
    if start.only_report:
        return
    steps = pretrain(session, trained, optimizer, done, held_out, learning_curves.evaluate)
    clock.lap("pretrain")
    clock.move("pretrain", "learning curves", learning_curves.laps)
    took = pretraining(session, clock.laps["pretrain"], steps, done)
    evaluation = evaluate(session, benchmark_runs)
    learning_curves.finish(len(session.finished_epochs.rows), steps, evaluation)
    clock.lap("evaluate")
    pretrained = Pretrained(
        directory=session.directory,
        data=data_origin(session.directory.path),  # of the lock, except for imported weights
        steps=steps,
        cost=with_earlier_cost(took, session.directory, clock.laps, trained=steps > done),
        origin=origin_of(session.directory.path),
    )
    gathered = gather(session, pretrained, evaluation, overlap, clock.laps)
    gathered = attrs.evolve(gathered, learning_curves=learning_curves.records())
    session.directory.write_json("results.json", as_json(gathered))
    session.directory.set_status("running", phase=REPORT)
