"""Evaluates a finished model: frozen weights, no pretraining, a folder of its own for each evaluation."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs

from codaar_core.api import CodaarError
from codaar_core.engine.assembly.build import build_benchmarks, build_data, build_model
from codaar_core.engine.devices.processes import DistributedRanks, RunRanks, connect_ranks
from codaar_core.engine.devices.reader_processes import ReaderProcesses
from codaar_core.engine.devices.runtime import make_runtime
from codaar_core.engine.devices.signals import Interruption
from codaar_core.engine.evaluation.seen_clips import SeenClips
from codaar_core.engine.evaluation.transfer import evaluate, make_benchmark_runs
from codaar_core.engine.gathering import Pretrained, gather
from codaar_core.engine.lifecycle.observing import Clock, make_hooks, no_hooks, recorded
from codaar_core.engine.lifecycle.pretrained import data_origin, pretrained_model
from codaar_core.engine.lifecycle.start import Start
from codaar_core.engine.model_folder import read_run
from codaar_core.engine.record.checkpoint import load_model
from codaar_core.engine.record.lock import lock, override_options
from codaar_core.engine.record.lock_comparison import refuse_mismatch
from codaar_core.engine.record.pretraining_clips import PRETRAINING_CLIPS, RecordingHashes
from codaar_core.engine.record.resume import WITHOUT_EFFECT, changes
from codaar_core.engine.record.run_directory import EVALUATIONS, REPORT, RunDirectory
from codaar_core.engine.results import as_json
from codaar_core.engine.training.session import Session
from codaar_core.recipe.completion import load_for_model
from codaar_core.recipe.plan import Plan

WriteReport = Callable[[Path], Path]


@attrs.frozen(kw_only=True)
class EvaluationRequest:
    """What is to be evaluated, how, and where its results go.

    Attributes:
        model: The run directory or model folder.
        checkpoint: Its checkpoint.
        plan: The plan of the evaluation, with the model of ``model``.
        command: The shell command that repeats the evaluation.
        resume_command: The shell command that resumes it.
        to: Folder of evaluations; None: that of the model.
        resume: Whether to continue the newest unfinished evaluation with the same settings and checkpoint.
    """

    model: Path
    checkpoint: Path
    plan: Plan
    command: str
    resume_command: str
    to: Path | None = None
    resume: bool = False

    @property
    def folder(self) -> Path:
        """Folder of the evaluations."""
        return self.model / EVALUATIONS if self.to is None else self.to


def request_evaluation(
    model: Path | str,
    recipe: Path | None = None,
    overrides: Sequence[str] = (),
    plugins: Sequence[Path | str] = (),
    best: bool = False,
    to: Path | None = None,
    resume: bool = False,
) -> EvaluationRequest:
    """Read a model and check the recipe that evaluates it.

    Args:
        model: A run directory or model folder.
        recipe: The recipe; tables that it lacks are those of the model. None: the recipe of the model.
        overrides: ``path=value``.
        plugins: Python files of local components.
        best: Evaluate the checkpoint with the lowest metric ``run.best`` instead of the newest.
        to: Folder of evaluations; None: ``evaluations`` in the model's folder.
        resume: Whether to continue an unfinished evaluation.

    Raises:
        RecipeError: The recipe has errors.
        CodaarError: There is no such model, a file of it is damaged, or the recipe describes another one.
    """
    own, checkpoint = read_run(model, best, plugins=plugins)
    plan = load_for_model(own, recipe, overrides, plugins)
    words = ["codaar", "evaluate", str(model), *([] if recipe is None else [str(recipe)]), *override_options(plan)]
    words += [*(["--best"] if best else []), *([] if to is None else ["--to", str(to)])]
    command = shlex.join(words)
    return EvaluationRequest(
        model=Path(model),
        checkpoint=checkpoint,
        plan=plan,
        command=command,
        resume_command=f"{command} --resume",
        to=to,
        resume=resume,
    )


def evaluate_model(
    request: EvaluationRequest,
    observers: Sequence[object] = (),
    locked: Path | None = None,
    write_report: WriteReport | None = None,
) -> Path:
    """Evaluate a finished model on the benchmarks of a plan.

    Args:
        request: Model, plan and folder.
        observers: Objects with hook functions.
        locked: A lock file, or a folder that contains one; the evaluation must match this lock.
        write_report: Called when results.json is complete.

    Returns:
        The folder of the evaluation.

    Raises:
        LockMismatch: The evaluation would differ from ``locked``; nothing was evaluated.
        CodaarError: The folder cannot be written, or the evaluation ended early; its status.json says why.
    """
    with connect_ranks(request.plan, evaluate_worker_rank) as ranks:
        if isinstance(ranks, DistributedRanks) and ranks.rank > 0:
            return evaluate_worker_rank(request.plan, ranks)
        return _evaluate_first_rank(request, ranks, observers, locked, write_report)


def evaluate_worker_rank(plan: Plan, ranks: DistributedRanks) -> Path:
    """Evaluate as one of the ranks 1, 2, ...; only rank zero writes files and reports.

    Args:
        plan: The plan, the same on all ranks.
        ranks: The ranks of the evaluation.

    Returns:
        The folder of the evaluation.
    """
    runtime = make_runtime(plan.device, ranks)
    data = build_data(plan)
    model = build_model(plan, dict(data.spaces)).to(runtime.device, runtime.dtype)
    benchmarks = build_benchmarks(plan, data, model.quantizer)
    start = Start.received(ranks.broadcast(None))
    assert start.checkpoint is not None
    load_model(start.checkpoint, model)
    with Interruption() as interruption, ReaderProcesses(plan.workers, plan.run.plugins) as readers:
        runtime = attrs.evolve(runtime, readers=readers)
        session = Session(plan, model, runtime, RunDirectory(start.directory), no_hooks(), interruption)
        evaluate(
            session, make_benchmark_runs(session, benchmarks, SeenClips(start.clips, plan.evaluate.seen == "drop"))
        )
    return start.directory


def _evaluate_first_rank(
    request: EvaluationRequest,
    ranks: RunRanks,
    observers: Sequence[object],
    locked: Path | None,
    write_report: WriteReport | None,
) -> Path:
    plan = request.plan
    if not plan.benchmarks:
        raise CodaarError("evaluate.on is empty: there is nothing to evaluate", "name benchmarks: evaluate.on = [...]")
    runtime = make_runtime(plan.device, ranks)
    data = build_data(plan)
    current_lock = {**lock(plan, data, runtime, data_origin(request.model)), "command": request.command}
    if locked is not None:
        refuse_mismatch(current_lock, locked)
    model = build_model(plan, dict(data.spaces)).to(runtime.device, runtime.dtype)
    load_model(request.checkpoint, model)
    benchmarks = build_benchmarks(plan, data, model.quantizer)
    clips = RecordingHashes.read(request.model / PRETRAINING_CLIPS)
    directory = _directory(request)
    hook = make_hooks(plan, observers).hook
    readers = ReaderProcesses(plan.workers, plan.run.plugins)
    with directory.exclusive(), Interruption() as interruption, readers:
        runtime = attrs.evolve(runtime, readers=readers)
        directory.remove_partial()
        with recorded(directory, hook, "start"), interruption.reported():
            commands = {"command": request.command, "resume_command": request.resume_command}
            session = Session(plan, model, runtime, directory, hook, interruption, **commands)
            directory.write_toml("lock.toml", current_lock)
            clock, overlap = Clock(), SeenClips(clips, plan.evaluate.seen == "drop")
            benchmark_runs = make_benchmark_runs(session, benchmarks, overlap)
            clock.lap("data")
            session.runtime.send_to_workers(Start(directory.path, request.checkpoint, clips=clips).message())
            pretrained = _announce(session, request)
            directory.set_status("running", phase="evaluate")
            evaluation = evaluate(session, benchmark_runs)
            clock.lap("evaluate")
            directory.write_json("results.json", as_json(gather(session, pretrained, evaluation, overlap, clock.laps)))
            directory.set_status("running", phase=REPORT)
            if write_report is not None:
                hook.codaar_report_written(directory=directory.path, path=write_report(directory.path))
    return directory.path


def _announce(session: Session, request: EvaluationRequest) -> Pretrained:
    """Call ``codaar_run_start``; gives the pretraining of the model."""
    pretrained, rows = pretrained_model(request.model, request.checkpoint)
    session.hook.codaar_run_start(
        directory=session.directory.path,
        resolved=session.plan.resolved,
        parameters=sum(parameter.numel() for parameter in session.model.parameters()),
        codewords=session.model.quantizer.size,
        epoch=session.plan.run.epochs,
        step=pretrained.steps,
        finished=tuple(rows),
        logged=(),
        curves=(),
        results=(),
    )
    return pretrained


def _directory(request: EvaluationRequest) -> RunDirectory:
    """Return the folder of the evaluation: a new one, or the newest unfinished one of the same settings.

    Raises:
        CodaarError: The folder of evaluations cannot be written.
    """
    if request.resume and (unfinished := next(_unfinished(request), None)):
        return unfinished
    if request.to is None and not os.access(request.model, os.W_OK):
        raise CodaarError(f"{request.model} is not writable", "name another folder for the evaluation: --to FOLDER")
    directory = RunDirectory.create(request.folder.parent, request.folder.name)
    directory.write_toml("resolved.toml", request.plan.resolved)
    directory.set_status("running", phase="start", checkpoint=request.checkpoint.name)
    return directory


def _unfinished(request: EvaluationRequest) -> Iterator[RunDirectory]:
    """Yield the evaluations with the same settings that ended early, newest first."""
    for path in sorted(request.folder.glob("*/status.json"), reverse=True):
        directory = RunDirectory(path.parent)
        if directory.last_known("status") in (None, "finished") or not (path.parent / "resolved.toml").is_file():
            continue
        if directory.last_known("checkpoint") == request.checkpoint.name and not any(
            changes(request.plan, directory, WITHOUT_EFFECT)
        ):
            yield directory
