"""Verbs of the command line that need several packages of the core: run a recipe, validate it, write its report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codaar_core.recipe import Plan, Problem


def run(
    recipe: Path | str | Plan,
    overrides: Sequence[str] = (),
    plugins: Sequence[Path | str] = (),
    resume: str | None = None,
    observers: Sequence[object] = (),
    locked: Path | str | None = None,
    reuse: bool = False,
) -> Path:
    """Check a recipe, pretrain, evaluate every transfer and write the report.

    Args:
        recipe: A TOML file, or a plan from ``load``, which already contains overrides and plug-in files.
        overrides: ``path=value``, as ``-o`` takes them.
        plugins: Python files of local components.
        resume: A run directory to resume, or "auto" for the newest unfinished one. A finished run with other benchmarks
            is evaluated again, in a folder of its own; with more epochs, it is trained on in a new run directory.
        observers: Objects with hook functions.
        locked: A lock file, or a run directory that contains one; the run must match this lock.
        reuse: Take over the pretraining of an earlier run below ``run.directory`` whose weights are the same.

    Returns:
        The run directory, or the folder of the evaluation.

    Raises:
        CodaarError: The recipe has errors, or the run failed.
    """
    from codaar_core import engine, report
    from codaar_core.recipe import load, warn_renamed_settings

    plan = load(recipe, overrides, plugins) if isinstance(recipe, (str, Path)) else recipe
    warn_renamed_settings(plan.notes)
    lock = None if locked is None else Path(locked)
    return engine.run(plan, resume, observers, lock, report.write, reuse)


def evaluate(
    model: Path | str,
    recipe: Path | str | None = None,
    overrides: Sequence[str] = (),
    plugins: Sequence[Path | str] = (),
    best: bool = False,
    observers: Sequence[object] = (),
    resume: bool = False,
    to: Path | str | None = None,
) -> Path:
    """Evaluate a finished model on benchmarks, without training it; nothing finished is overwritten.

    Args:
        model: A run directory or an exported folder.
        recipe: A TOML file whose [data], [device], [evaluate], [bench.X] and [hooks.X] are used; tables that it lacks
            are those of the model. None: the recipe of the model.
        overrides: ``path=value``, as ``-o`` takes them.
        plugins: Python files of local components.
        best: Evaluate the checkpoint with the lowest metric ``run.best`` instead of the newest.
        observers: Objects with hook functions.
        resume: Continue the newest unfinished evaluation with the same settings; finished heads are not trained again.
        to: Folder of evaluations; None: ``evaluations`` in the folder of the model.

    Returns:
        The folder of the evaluation, with results.json and report.html.

    Raises:
        CodaarError: There is no such model, the recipe describes another one, or the evaluation failed.
    """
    from codaar_core import engine, report
    from codaar_core.recipe import warn_renamed_settings

    source, folder = None if recipe is None else Path(recipe), None if to is None else Path(to)
    request = engine.request_evaluation(model, source, overrides, plugins, best, folder, resume)
    warn_renamed_settings(request.plan.notes)
    try:
        return engine.evaluate_model(request, observers, write_report=report.write)
    except BaseException:
        if to is None:
            report.update_list(Path(model))  # a failed or interrupted evaluation is listed as such
        raise


def validate(
    recipe: Path | str, overrides: Sequence[str] = (), plugins: Sequence[Path | str] = (), deep: bool = False
) -> list[Problem]:
    """List all problems of a recipe; if there is no error, its notes.

    Args:
        recipe: A TOML file.
        overrides: ``path=value``, as ``-o`` takes them.
        plugins: Python files of local components.
        deep: Also build every block and take one step on synthetic data; the first failure is reported. Then read the
            first clip of every split; missing and damaged files are errors.

    Raises:
        CodaarError: The device of the recipe does not exist on this machine.
    """
    from codaar_core.recipe import RecipeError, load_all

    try:
        plans = load_all(recipe, overrides, plugins)
        if deep:
            from codaar_core.engine import data_problems, run_synthetic_step

            for plan in plans:
                run_synthetic_step(plan)
            missing = {problem: None for plan in plans for problem in data_problems(plan)}
            if missing:
                return [*missing]
    except RecipeError as error:
        return error.problems
    return list({str(note): note for plan in plans for note in plan.notes}.values())


def write_report(run: Path | str, control: Path | str | None = None) -> Path:
    """Write report.html of a finished run again.

    Args:
        run: A run directory.
        control: The run directory of a run to compare with.

    Returns:
        The path of the page.

    Raises:
        CodaarError: A run directory has no results.
    """
    from codaar_core.report import write

    return write(Path(run), None if control is None else Path(control))


def export(run: Path | str, to: Path | str, best: bool = False, licence: str = "") -> Path:
    """Write a trained model to a folder that can be shared; docs/models.md lists its files.

    Args:
        run: A run directory.
        to: A new folder, which is written completely or not at all.
        best: Export the checkpoint with the lowest metric ``run.best`` instead of the newest.
        licence: Terms of the weights, e.g. an SPDX identifier such as CC-BY-4.0; empty: not stated.

    Returns:
        The folder, for ``open_model`` and ``encode``.

    Raises:
        CodaarError: ``run`` is not a run directory or has no intact checkpoint, ``to`` exists already, a component of
            the model has a path of this machine among its settings, or the disk is full.
    """
    from codaar_core.engine import export_model
    from codaar_core.report.card import describe_model

    return export_model(Path(run), Path(to), best, licence, describe_model)
