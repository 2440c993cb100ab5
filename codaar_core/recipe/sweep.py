"""From a recipe with a table [sweep] to several plans, one per arm and seed, and the layout of the table of scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import attrs
from attrs.validators import deep_iterable, ge

from codaar_core.api.component import setting
from codaar_core.recipe.checking.check import SWEEP, check
from codaar_core.recipe.checking.conversion import convert
from codaar_core.recipe.names import name_fault
from codaar_core.recipe.plan import Plan
from codaar_core.recipe.toml.literal import literal
from codaar_core.recipe.toml.problem import Problem, RecipeError
from codaar_core.recipe.toml.reading import Recipe, read, read_arm, read_overrides
from codaar_core.recipe.toml.scalars import scalar_fault
from codaar_core.recipe.toml.tree import Table, Value, merge
from codaar_core.registry import did_you_mean

PRETRAINING = "pretraining/"  # prefix of columns that show a value of "pretraining" in results.json


@attrs.frozen(kw_only=True)
class SweepSettings:
    """The table [sweep], apart from arms, columns and published scores."""

    title: str = setting("", "heading of the table")
    seeds: tuple[int, ...] = setting(
        (), "run.seed of the runs of each arm; empty: the seed of the recipe", deep_iterable(ge(0))
    )
    plot: str = setting("", "numeric setting over which `codaar sweep --plot` draws the columns, e.g. quantizer.codes")


@attrs.frozen
class Arm:
    """An arm: one row of the table."""

    name: str
    plans: tuple[Plan, ...]  # one per seed


@attrs.frozen
class Sweep:
    """Several runs, and the layout of the table of their scores."""

    name: str
    title: str
    directory: Path  # where table.md is written
    arms: tuple[Arm, ...]
    columns: Mapping[str, str]  # heading -> "benchmark/train->test/metric" or "pretraining/value"
    published: Mapping[str, tuple[float | None, ...]]  # row -> one value per column; None: not published
    plot: str = ""  # numeric setting over which the columns are drawn; empty: not given
    source: Path = Path()  # the recipe, with overrides and files of local components as they were given
    overrides: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()


def is_sweep(recipe: Recipe) -> bool:
    """Whether a recipe has a table [sweep]."""
    return SWEEP in recipe.tree.items


def load_all(path: Path | str, overrides: Sequence[str] = (), plugins: Sequence[Path | str] = ()) -> list[Plan]:
    """The plan of a recipe, or all plans of a sweep.

    Raises:
        RecipeError: With all problems.
    """
    recipe = read(Path(path), overrides)
    if is_sweep(recipe):
        return [plan for arm in load_sweep(path, overrides, plugins).arms for plan in arm.plans]
    return [check(recipe, overrides, [Path(file) for file in plugins])]


def load_sweep(path: Path | str, overrides: Sequence[str] = (), plugins: Sequence[Path | str] = ()) -> Sweep:
    """Read a sweep and check every arm.

    Args:
        path: A recipe with a table [sweep].
        overrides: ``path=value``, applied to every arm.
        plugins: Python files of local components.

    Raises:
        RecipeError: With all problems of all arms.
    """
    recipe = read(Path(path), overrides)
    table = recipe.tree.items.get(SWEEP)
    if not isinstance(table, Table):
        raise RecipeError([_no_sweep(path, recipe)])
    problems: list[Problem] = []
    settings = convert(SweepSettings, table, SWEEP, problems, {"arms", "columns", "published"})
    columns = _columns(table, problems)
    published = _published(table, sum(1 for _ in _items(table, "columns", [])), problems)
    arms = tuple(_arms(recipe, table, settings, overrides, plugins, problems))
    if arms and not problems:
        problems += _unmeasured(table, columns, arms)
    if problems or settings is None:
        raise RecipeError(list({(each.code, each.message, each.origin): each for each in problems}.values()))
    run = arms[0].plans[0].run
    name = run.name.removesuffix(f"-{arms[0].name}")
    directory = Path(run.directory) / name
    return Sweep(
        name=name,
        title=settings.title or name,
        directory=directory,
        arms=arms,
        columns=MappingProxyType(columns),
        published=MappingProxyType(published),
        plot=settings.plot,
        source=Path(path),
        overrides=tuple(overrides),
        plugins=tuple(map(str, plugins)),
    )


def _no_sweep(path: Path | str, recipe: Recipe) -> Problem:
    return Problem(
        "sweep", f"{str(path)!r} has no table [sweep]", recipe.tree.key, f"to run it once: codaar-run {path}"
    )


def _arms(
    recipe: Recipe,
    table: Table,
    settings: SweepSettings | None,
    overrides: Sequence[str],
    plugins: Sequence[Path | str],
    problems: list[Problem],
) -> Iterator[Arm]:
    arms = table.items.get("arms")
    if not isinstance(arms, Table) or not arms.items:
        problems.append(Problem("sweep", "[sweep] has no arms", table.key, "add [sweep.arms.NAME] with its changes"))
        return
    seeds = settings.seeds if settings is not None else ()
    taken: dict[tuple[str, str], str] = {}
    for name, changes in arms.items.items():
        fault = name_fault(name)
        if fault:
            problems.append(Problem("invalid-name", f"sweep.arms: the name {literal(name)} {fault}", changes.key))
            continue
        if not isinstance(changes, Table):
            problems.append(Problem("sweep", f"sweep.arms.{name}: expected a table", changes.origin))
            continue
        try:
            arm = Arm(name, tuple(_plans(recipe, name, changes, seeds, overrides, plugins)))
        except RecipeError as error:
            problems += error.problems
            continue
        run = arm.plans[0].run
        other = taken.setdefault((run.directory, run.name), name)
        if other != name:
            message = f"the runs of sweep.arms.{name} and sweep.arms.{other} have the same name {run.name!r}"
            problems.append(Problem("sweep", message, changes.key, "give one of the arms another name or run.name"))
        yield arm


def _plans(
    recipe: Recipe,
    arm: str,
    changes: Table,
    seeds: Sequence[int],
    overrides: Sequence[str],
    plugins: Sequence[Path | str],
) -> Iterator[Plan]:
    """The plans of an arm: merged over the recipe, and the command line over both; ``run.name`` ends with the arm."""
    changed = read_arm(attrs.evolve(recipe, tree=recipe.tree.without([SWEEP])), changes)
    layered = merge(changed.tree, read_overrides(overrides).without([SWEEP]))
    own = f"run.name={literal(f'{_name(layered)}-{arm}')}"
    tree = _renamed(layered, read_overrides([own]))
    plan = check(attrs.evolve(changed, tree=tree), [*overrides, own], [Path(file) for file in plugins])
    for seed in seeds or (plan.run.seed,):
        yield _seeded(plan, seed)


def _renamed(tree: Table, override: Table) -> Table:
    """The tree with the run's name of an override, at the place where the recipe gives the name, for messages."""
    layered = merge(tree, override)
    before, after, run = tree.find(("run", "name")), layered.find(("run", "name")), layered.items["run"]
    if not (isinstance(before, Value) and isinstance(after, Value) and isinstance(run, Table)):
        return layered
    named = attrs.evolve(run, items={**run.items, "name": attrs.evolve(before, data=after.data)})
    return attrs.evolve(layered, items={**layered.items, "run": named})


def _seeded(plan: Plan, seed: int) -> Plan:
    """The same plan with another ``run.seed``."""
    return attrs.evolve(
        plan,
        run=attrs.evolve(plan.run, seed=seed),
        resolved={**plan.resolved, "run": {**plan.resolved["run"], "seed": seed}},
        overrides=(*plan.overrides, f"run.seed={seed}"),
    )


def _name(tree: Table) -> str:
    name = tree.find(("run", "name"))
    return name.data if isinstance(name, Value) and isinstance(name.data, str) else "sweep"


def _columns(table: Table, problems: list[Problem]) -> dict[str, str]:
    columns = {}
    for heading, node in _items(table, "columns", problems):
        if isinstance(node, Value) and isinstance(node.data, str) and _is_column(node.data):
            columns[heading] = node.data
        else:
            help = f'write "BENCHMARK/TRAIN->TEST/METRIC" or "{PRETRAINING}VALUE"'
            problems.append(Problem("sweep", f"sweep.columns: {heading!r} is not a valid column", node.origin, help))
    return columns


def _is_column(score: str) -> bool:
    if score.startswith(PRETRAINING):
        return score != PRETRAINING
    benchmark, _, rest = score.partition("/")
    transfer, _, metric = rest.partition("/")
    return all((benchmark, metric)) and all(transfer.partition("->"))


def _unmeasured(table: Table, columns: Mapping[str, str], arms: Sequence[Arm]) -> Iterator[Problem]:
    """Columns of benchmarks that no arm is evaluated on."""
    on = {bench.name for arm in arms for bench in arm.plans[0].benchmarks}
    for heading, column in columns.items():
        benchmark, node = column.partition("/")[0], table.find(("columns", heading))
        if not column.startswith(PRETRAINING) and benchmark not in on:
            message = f"sweep.columns: {heading!r} shows {benchmark!r}, on which no arm is evaluated"
            help = did_you_mean(benchmark, on) or "evaluate.on switches benchmarks on"
            yield Problem("sweep", message, None if node is None else node.origin, help)


def _published(table: Table, count: int, problems: list[Problem]) -> dict[str, tuple[float | None, ...]]:
    """Published rows; an empty string stands for a value that was not published."""
    rows = {}
    for row, node in _items(table, "published", problems):
        data = node.data if isinstance(node, Value) else None
        if isinstance(data, list) and len(data) == count and all(map(_is_number, data)):
            rows[row] = tuple(None if value == "" else float(value) for value in data)
        else:
            message = f"sweep.published: {row!r} needs {count} numbers, one per column"
            problems.append(Problem("sweep", message, node.origin, 'write "" for a value that was not published'))
    return rows


def _is_number(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and not scalar_fault(value)
    return value == "" or number


def _items(table: Table, key: str, problems: list[Problem]) -> Iterator[tuple[str, Table | Value]]:
    found = table.items.get(key)
    if isinstance(found, Table):
        yield from found.items.items()
    elif found is not None:
        problems.append(Problem("sweep", f"sweep.{key}: expected a table", found.origin))
