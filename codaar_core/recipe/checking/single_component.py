"""A single component without a recipe: its name, and settings from the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codaar_core.recipe.checking.blocks import Blocks
from codaar_core.recipe.checking.renamed import warn_renamed_settings
from codaar_core.recipe.plan import Block
from codaar_core.recipe.toml.interpolation import interpolate
from codaar_core.recipe.toml.problem import Problem, RecipeError
from codaar_core.recipe.toml.reading import read_overrides
from codaar_core.recipe.toml.tree import Table
from codaar_core.registry import Registry

Plugins = Sequence[Path | str]


def load_data(name: str, overrides: Sequence[str] = (), plugins: Plugins = ()) -> Block:
    """Find a data source and check its settings.

    Args:
        name: ``[provider:]name``.
        overrides: ``data.SETTING=VALUE``.
        plugins: Python files of local components.

    Raises:
        RecipeError: With all problems.
    """
    tree, problems = interpolate(read_overrides(overrides))
    for key, node in tree.without(["data"]).items.items():
        problems.append(
            Problem(
                "override",
                f"-o {key}: only settings of the data source can be set here",
                node.key,
                "-o data.SETTING=VALUE",
            )
        )
    given = tree.items.get("data")
    table = given if isinstance(given, Table) else Table({}, tree.origin)
    return _block("data", name, table, problems, plugins)


def load_extractor(name: str, settings: Sequence[str] = (), plugins: Plugins = ()) -> Block:
    """Find an extractor and check its settings.

    Args:
        name: ``[provider:]name``.
        settings: ``SETTING=VALUE``.
        plugins: Python files of local components.

    Raises:
        RecipeError: With all problems.
    """
    table, problems = interpolate(read_overrides(settings))
    return _block("extractor", name, table, problems, plugins)


def _block(kind: str, name: str, table: Table, problems: list[Problem], plugins: Plugins) -> Block:
    registry = Registry(plugins)
    notes: list[Problem] = []
    block = Blocks(registry, problems, notes).block(kind, kind, table.without(["use"]), default=name)
    if problems or block is None:
        raise RecipeError(problems)
    warn_renamed_settings(notes, stacklevel=4)
    return block
