"""CoDAAR: a plug-in framework for cross-modal discrete representation learning.

Every verb of the command line is one function here; names are resolved on first use, and nothing heavy is imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codaar_core.engine import (
        adopt_model,
        data_card,
        data_of,
        extract_features,
        open_model,
        pack_benchmark,
        pack_data,
        read_lock,
        verify_packed,
    )
    from codaar_core.recipe import Problem, diff, explain, inspect, load, load_sweep, schema
    from codaar_core.recipe.plan import Plan
    from codaar_core.registry import list_components
    from codaar_core.registry.doctor import doctor
    from codaar_core.registry.index.maintenance import index_entry, sync_index, verify_index
    from codaar_core.report import list_runs
    from codaar_core.report import write as write_report
    from codaar_core.scaffold import new_plugin
    from codaar_core.sweep import run_sweep
    from codaar_core.testing import check_plugin

__version__ = "0.1.0"

_HOME = {
    "adopt_model": "codaar_core.engine:adopt_model",
    "check_plugin": "codaar_core.testing:check_plugin",
    "data_card": "codaar_core.engine:data_card",
    "data_of": "codaar_core.engine:data_of",
    "diff": "codaar_core.recipe:diff",
    "doctor": "codaar_core.registry.doctor:doctor",
    "explain": "codaar_core.recipe:explain",
    "extract_features": "codaar_core.engine:extract_features",
    "index_entry": "codaar_core.registry.index.maintenance:index_entry",
    "inspect": "codaar_core.recipe:inspect",
    "list_components": "codaar_core.registry:list_components",
    "list_runs": "codaar_core.report:list_runs",
    "load": "codaar_core.recipe:load",
    "load_sweep": "codaar_core.recipe:load_sweep",
    "new_plugin": "codaar_core.scaffold:new_plugin",
    "open_model": "codaar_core.engine:open_model",
    "pack_benchmark": "codaar_core.engine:pack_benchmark",
    "pack_data": "codaar_core.engine:pack_data",
    "read_lock": "codaar_core.engine:read_lock",
    "run_sweep": "codaar_core.sweep:run_sweep",
    "schema": "codaar_core.recipe:schema",
    "sync_index": "codaar_core.registry.index.maintenance:sync_index",
    "verify_index": "codaar_core.registry.index.maintenance:verify_index",
    "verify_packed": "codaar_core.engine:verify_packed",
    "write_report": "codaar_core.report:write",
}

__all__ = [
    "__version__",
    "adopt_model",
    "check_plugin",
    "data_card",
    "data_of",
    "diff",
    "doctor",
    "explain",
    "extract_features",
    "index_entry",
    "inspect",
    "list_components",
    "list_runs",
    "load",
    "load_sweep",
    "new_plugin",
    "open_model",
    "pack_benchmark",
    "pack_data",
    "read_lock",
    "run",
    "run_sweep",
    "schema",
    "sync_index",
    "validate",
    "verify_index",
    "verify_packed",
    "write_report",
]


def run(
    recipe: Path | str | Plan,
    overrides: Sequence[str] = (),
    plugins: Sequence[Path | str] = (),
    resume: str | None = None,
    observers: Sequence[object] = (),
    locked: Path | str | None = None,
) -> Path:
    """Check a recipe, pretrain, evaluate every transfer, write the report; gives the run directory.

    Args:
        recipe: A TOML file, or a plan that ``load`` gave (then overrides and plugins are in it already).
        overrides: ``path=value``, as ``-o`` takes them.
        plugins: Python files of local components.
        resume: A run directory to go on with, or "auto".
        observers: Objects with hook functions.
        locked: A lock file, or a run directory with one; the run must be made of the same.

    Raises:
        CodaarError: The recipe is wrong or the run failed.
    """
    from codaar_core import engine, report
    from codaar_core.recipe import load

    plan = load(recipe, overrides, plugins) if isinstance(recipe, (str, Path)) else recipe
    directory = engine.run(plan, resume, observers, None if locked is None else Path(locked))
    if engine.is_first():
        report.write(directory)
    return directory


def validate(
    recipe: Path | str, overrides: Sequence[str] = (), plugins: Sequence[Path | str] = (), deep: bool = False
) -> list[Problem]:
    """All problems of a recipe; where there is no error, what is worth a note.

    Args:
        recipe: A TOML file.
        overrides: ``path=value``, as ``-o`` takes them.
        plugins: Python files of local components.
        deep: Build every block too, and take one step on synthetic data; the first failure is told.

    Raises:
        CodaarError: The device of the recipe does not exist here.
    """
    from codaar_core.recipe import RecipeError, load_all

    try:
        plans = load_all(recipe, overrides, plugins)
        if deep:
            from codaar_core.engine import run_synthetic_step

            for plan in plans:
                run_synthetic_step(plan)
    except RecipeError as error:
        return error.problems
    return list({str(note): note for plan in plans for note in plan.notes}.values())


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _HOME[name].partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return __all__
