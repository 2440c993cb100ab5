"""TOML with positions -> merged -> checked -> a plan. Nothing here imports torch; the components it loads do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codaar_core.recipe.check import check
from codaar_core.recipe.difference import Difference, diff
from codaar_core.recipe.explain import Explained, explain
from codaar_core.recipe.inspection import Inspection, inspect
from codaar_core.recipe.literal import literal
from codaar_core.recipe.origin import Origin
from codaar_core.recipe.plan import BenchmarkPlan, Block, LossPlan, Plan
from codaar_core.recipe.problem import Problem, RecipeError
from codaar_core.recipe.reading import Recipe, read
from codaar_core.recipe.rendering import as_github, as_json
from codaar_core.recipe.schema import schema

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
    "as_github",
    "as_json",
    "diff",
    "explain",
    "inspect",
    "literal",
    "load",
    "schema",
]


def load(path: Path | str, overrides: Sequence[str] = (), plugins: Sequence[Path | str] = ()) -> Plan:
    """Read and check a recipe.

    Args:
        path: A TOML file.
        overrides: ``path=value``, put over the file as a last file that extends it would be.
        plugins: Python files of local components, besides those that the recipe names.

    Raises:
        RecipeError: With all problems.
    """
    return check(read(Path(path), overrides), overrides, [Path(file) for file in plugins])
