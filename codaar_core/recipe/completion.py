"""A recipe that evaluates a trained model: tables that it lacks are those of the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from codaar_core.api.errors import CodaarError
from codaar_core.recipe.checking.check import check
from codaar_core.recipe.plan import Plan
from codaar_core.recipe.toml.reading import read, read_overrides
from codaar_core.recipe.toml.tree import Table, Value, merge

WEIGHTS = ("model", "encoders", "decoders", "quantizer", "align", "losses")
"""Tables that must be those of the model."""

PRETRAINING = ("run", "optimizer")
"""Tables that describe the pretraining, which are always those of the model."""

OWN_RUN = ("hooks", "plugins", "directory", "log_every")
"""Settings of [run] that an evaluation may have of its own."""

BEGINNING = ("from", "parts")
"""Settings of [model] that say how pretraining began; the trained model does not depend on them."""


def load_for_model(
    model: Plan, recipe: Path | None, overrides: Sequence[str] = (), plugins: Sequence[Path | str] = ()
) -> Plan:
    """Return the plan that evaluates a trained model as a recipe says.

    Args:
        model: The plan of the model, read from its resolved.toml.
        recipe: The recipe; its tables [data], [device], [evaluate], [bench.X] and [hooks.X] replace those of the model.
            None: those of the model.
        overrides: ``path=value``.
        plugins: Python files of local components, in addition to those of the model.

    Raises:
        RecipeError: The recipe has errors.
        CodaarError: Settings differ that shape the weights, or an override sets one of pretraining.
    """
    _refuse_pretraining(overrides)
    base = model.recipe
    given = base if recipe is None else read(recipe)
    tree = given.tree
    for name, node in base.tree.items.items():
        if name not in tree.items or name in PRETRAINING:
            tree = attrs.evolve(tree, items={**tree.items, name: _pretraining_table(name, node, given.tree)})
    tree = merge(tree, read_overrides(overrides))
    files = [Path(file) for file in dict.fromkeys([*model.run.plugins, *map(str, plugins)])]
    plan = check(attrs.evolve(given, tree=tree), overrides, files)
    differences = list(_differences(model.resolved, plan.resolved))
    if differences:
        raise CodaarError(
            f"{given.source} differs from the model in settings that shape its weights: {'; '.join(differences)}",
            "leave these tables out of the recipe: those of the model are used; or train a model with this recipe",
        )
    return attrs.evolve(plan, plugins=tuple(map(str, plugins)))


def _refuse_pretraining(overrides: Sequence[str]) -> None:
    """Refuse overrides of settings that only a pretraining reads."""
    for override in overrides:
        path = override.partition("=")[0].strip()
        table, _, setting = path.partition(".")
        own = table in PRETRAINING and setting not in OWN_RUN
        if own or (table == "model" and setting in BEGINNING):
            raise CodaarError(
                f"-o {override}: {path} is a setting of the pretraining, which an evaluation does not repeat",
                "leave it out, or train a model with it: codaar run",
            )


def _pretraining_table(name: str, node: Table | Value, given: Table) -> Table | Value:
    """A table of the model; in [run], with the hooks and plug-in files of the recipe."""
    own = given.items.get(name)
    if name != "run" or not isinstance(node, Table) or not isinstance(own, Table):
        return node
    return attrs.evolve(node, items={**node.without(["hooks"]).items, **own.only(OWN_RUN).items})


def _differences(model: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name in WEIGHTS:
        before, after = (dict(_flat(name, table.get(name, {}))) for table in (model, now))
        for path in dict.fromkeys([*before, *after]):
            if before.get(path) != after.get(path) and path not in [f"model.{each}" for each in BEGINNING]:
                yield f"{path} was {before.get(path, 'not given')!r}, is {after.get(path, 'not given')!r}"


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _flat(f"{path}.{name}", each)
    else:
        yield path, value
