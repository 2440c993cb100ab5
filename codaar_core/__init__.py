"""CoDAAR: a plug-in framework for cross-modal discrete representation learning.

Every verb of the command line is one function here; names are resolved on first use, and nothing heavy is imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codaar_core.engine import adopt_model, open_model
    from codaar_core.recipe import explain, inspect, load, validate
    from codaar_core.recipe.plan import Plan
    from codaar_core.registry import list_components
    from codaar_core.report import write as write_report

__version__ = "0.1.0"

_HOME = {
    "adopt_model": "codaar_core.engine:adopt_model",
    "explain": "codaar_core.recipe:explain",
    "inspect": "codaar_core.recipe:inspect",
    "list_components": "codaar_core.registry:list_components",
    "load": "codaar_core.recipe:load",
    "open_model": "codaar_core.engine:open_model",
    "validate": "codaar_core.recipe:validate",
    "write_report": "codaar_core.report:write",
}

__all__ = [
    "__version__",
    "adopt_model",
    "explain",
    "inspect",
    "list_components",
    "load",
    "open_model",
    "run",
    "validate",
    "write_report",
]


def run(
    recipe: Path | str | Plan,
    overrides: Sequence[str] = (),
    plugins: Sequence[Path | str] = (),
    resume: str | None = None,
    observers: Sequence[object] = (),
) -> Path:
    """Check a recipe, pretrain, evaluate every transfer, write the report; gives the run directory.

    Args:
        recipe: A TOML file, or a plan that ``load`` gave (then overrides and plugins are in it already).
        overrides: ``path=value``, as ``-o`` takes them.
        plugins: Python files of local components.
        resume: A run directory to go on with, or "auto".
        observers: Objects with hook functions.

    Raises:
        CodaarError: The recipe is wrong or the run failed.
    """
    from codaar_core import engine, report
    from codaar_core.recipe import load

    plan = load(recipe, overrides, plugins) if isinstance(recipe, (str, Path)) else recipe
    directory = engine.run(plan, resume, observers)
    report.write(directory)
    return directory


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _HOME[name].partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return __all__
