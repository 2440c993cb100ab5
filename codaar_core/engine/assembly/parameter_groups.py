"""The parameters of ``[optimizer.groups]``, which have a learning rate or weight decay of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import nn

from codaar_core.engine.assembly.model import Model
from codaar_core.recipe.plan import Plan
from codaar_core.recipe.toml.problem import Problem, RecipeError
from codaar_core.registry import closest, did_you_mean

REST = ""
"""The group of the parameters that no group names."""


def parameter_groups(model: Model, prefixes: Iterable[str]) -> dict[str, list[nn.Parameter]]:
    """Divide the parameters of the model's optimizer into groups by the longest prefix of their names.

    Args:
        model: The model.
        prefixes: Names of groups: whole parts of parameter names, e.g. ``encoders`` or ``quantizer.projection``.

    Returns:
        The group of the rest under ``REST``, then one group for each prefix, each in the order of ``clip_groups``.
    """
    groups: dict[str, list[nn.Parameter]] = {REST: [], **{prefix: [] for prefix in prefixes}}
    for name, parameter in optimized_parameters(model):
        matching = [each for each in groups if each != REST and f"{name}.".startswith(f"{each}.")]
        groups[max(matching, key=len, default=REST)].append(parameter)
    return groups


def optimized_parameters(model: Model) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield names and parameters of the model's optimizer: all but those that a loss trains with its own optimizer."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    for group in model.clip_groups():
        for parameter in group:
            yield names[parameter], parameter


def refuse_empty_groups(plan: Plan, model: Model) -> None:
    """Refuse groups without parameters.

    Raises:
        RecipeError: Names every such group, with similar prefixes that the model has.
    """
    prefixes = list(plan.optimizer.groups or ())
    if not prefixes:
        return
    groups = parameter_groups(model, prefixes)
    known = {part: None for name, _ in optimized_parameters(model) for part in _prefixes_of(name)}
    problems = [_empty_group(plan, each, list(known)) for each in prefixes if not groups[each]]
    if problems:
        raise RecipeError(problems)


def _prefixes_of(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts) + 1))


def _empty_group(plan: Plan, prefix: str, known: list[str]) -> Problem:
    node = plan.recipe.tree.find(("optimizer", "groups", prefix))
    origin = node.key if node else None
    if prefix in known:
        message = f"optimizer.groups: other groups name every part of {prefix!r}"
        return Problem("unbuildable", message, origin, f"remove {prefix!r} or one of the longer names")
    whole = [each for each in known if "." not in each]
    help = did_you_mean(prefix, closest(prefix, known)) or f"names begin with {', '.join(whole)}"
    return Problem("unbuildable", f"optimizer.groups: no trained parameter has a name in {prefix!r}", origin, help)
