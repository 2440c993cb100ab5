"""Builds every arm before the first run, so that a mistake in one arm is reported at once and not after hours."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from codaar_core.api import CodaarError
from codaar_core.engine import run_synthetic_step
from codaar_core.recipe.sweep import Arm
from codaar_core.recipe.toml.problem import Problem, RecipeError


def refuse_unbuildable(arms: Iterable[Arm]) -> None:
    """Build the components of each arm and take one step on synthetic data.

    Only the first seed of an arm is tried: the others have the same components.

    Raises:
        RecipeError: With the first problem of each arm that fails; arms with the same problem are listed together.
    """
    arms_with: dict[Problem, list[str]] = {}
    for arm in arms:
        for problem in _problems(arm):
            arms_with.setdefault(problem, []).append(arm.name)
    if arms_with:
        raise RecipeError([_named(problem, names) for problem, names in arms_with.items()])


def _problems(arm: Arm) -> list[Problem]:
    try:
        run_synthetic_step(arm.plans[0])
    except RecipeError as error:
        return error.problems
    except CodaarError as error:
        return [Problem("unbuildable", error.message, None, error.help)]
    return []


def _named(problem: Problem, arms: list[str]) -> Problem:
    which = f"arm {arms[0]}" if len(arms) == 1 else f"arms {', '.join(arms)}"
    return attrs.evolve(problem, message=f"{which}: {problem.message}")
