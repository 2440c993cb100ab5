"""The origin of every value of a recipe; no component is imported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from codaar_core.recipe.names import setting_name
from codaar_core.recipe.resolved import plain
from codaar_core.recipe.settings import SECTIONS
from codaar_core.recipe.toml.interpolation import interpolate
from codaar_core.recipe.toml.literal import key_literal
from codaar_core.recipe.toml.problem import RecipeError
from codaar_core.recipe.toml.reading import read

DEFAULT = "default"


@attrs.frozen
class Explained:
    """A value of a recipe and its origin."""

    path: str
    value: Any
    origin: str  # "file:line", "command line" or "default"


def explain(recipe: Path | str, overrides: Sequence[str] = ()) -> list[Explained]:
    """List every value that a recipe gives, then the defaults of the framework.

    Raises:
        RecipeError: The recipe cannot be read.
    """
    tree, problems = interpolate(read(Path(recipe), overrides).tree)
    if problems:
        raise RecipeError(problems)
    given = [Explained(".".join(map(key_literal, path)), value.data, str(value.origin)) for path, value in tree.walk()]
    return given + _defaults({each.path for each in given})


def _defaults(given: set[str]) -> list[Explained]:
    return [
        Explained(f"{section}.{setting_name(field.name)}", plain(field.default), DEFAULT)
        for section, settings in SECTIONS.items()
        for field in attrs.fields(settings)
        if field.default not in (attrs.NOTHING, None) and f"{section}.{setting_name(field.name)}" not in given
    ]
