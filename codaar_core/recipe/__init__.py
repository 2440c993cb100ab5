"""From a recipe (TOML with positions) to a checked plan. This package does not import torch; components do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codaar_core.recipe.checking.check import check
from codaar_core.recipe.checking.renamed import warn_renamed_settings
from codaar_core.recipe.copying import copy_recipes
from codaar_core.recipe.difference import Difference, diff
from codaar_core.recipe.explain import Explained, explain
from codaar_core.recipe.inspection import Inspection, inspect
from codaar_core.recipe.plan import BenchmarkPlan, Block, LossPlan, Plan
from codaar_core.recipe.schema import schema
from codaar_core.recipe.sweep import Sweep, is_sweep, load_all, load_sweep
from codaar_core.recipe.toml.literal import literal
from codaar_core.recipe.toml.origin import Origin
from codaar_core.recipe.toml.problem import Problem, RecipeError
from codaar_core.recipe.toml.problem_formats import as_github, as_json
from codaar_core.recipe.toml.reading import Recipe, read

__all__ = [
    "BenchmarkPlan",
    "Block",
    "Difference",
    "Explained",
    "Inspection",
    "LossPlan",
    "Origin",
    "Plan",
    "Problem",
    "Recipe",
    "RecipeError",
    "Sweep",
    "as_github",
    "as_json",
    "copy_recipes",
    "diff",
    "explain",
    "inspect",
    "literal",
    "load",
    "load_all",
    "load_sweep",
    "schema",
    "warn_renamed_settings",
]


def load(path: Path | str, overrides: Sequence[str] = (), plugins: Sequence[Path | str] = ()) -> Plan:
    """Read and check a recipe.

    Args:
        path: A TOML file.
        overrides: ``path=value``, applied as a last file that extends the recipe would be.
        plugins: Python files of local components, in addition to those in ``run.plugins``.

    Raises:
        RecipeError: With all problems.
    """
    recipe = read(Path(path), overrides)
    if is_sweep(recipe):
        message = f"{str(path)!r} is a sweep of several runs: it has a table [sweep]"
        raise RecipeError([Problem("sweep", message, recipe.tree.items["sweep"].key, f"codaar sweep {path}")])
    return check(recipe, overrides, [Path(file) for file in plugins])
