"""Comparison of two recipes or runs, value by value; no component is imported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs

from codaar_core.recipe.explain import Explained, explain


@attrs.frozen
class Difference:
    """A value in which two recipes differ; None on the side that lacks it."""

    path: str
    before: Explained | None
    after: Explained | None


def diff(before: Path | str, after: Path | str, overrides: Sequence[str] = ()) -> list[Difference]:
    """Compare two recipes or run directories.

    A run directory lists all values, with the defaults of components and full names. If only one side is a run
    directory, values that only this side lists are left out, and ``name`` equals ``provider:name``.

    Args:
        before: A recipe, or a run directory.
        after: Another one.
        overrides: ``path=value``, applied to ``after``.

    Raises:
        RecipeError: A recipe cannot be read.
    """
    old = {each.path: each for each in explain(_recipe(before))}
    new = {each.path: each for each in explain(_recipe(after), overrides)}
    recipes = [values for values, written in ((old, before), (new, after)) if not Path(written).is_dir()]
    mixed = len(recipes) == 1
    paths = recipes[0] if mixed else {**old, **new}
    same = _same_name if mixed else _same
    found = [Difference(path, old.get(path), new.get(path)) for path in paths]
    return [each for each in found if not same(each)]


def _recipe(written: Path | str) -> Path:
    """The recipe file of a path; of a run directory, its resolved recipe."""
    path = Path(written)
    return path / "resolved.toml" if path.is_dir() else path


def _same(difference: Difference) -> bool:
    before, after = difference.before, difference.after
    return before is not None and after is not None and before.value == after.value


def _same_name(difference: Difference) -> bool:
    """Whether two values are equal, or one is the bare and the other the full name of the same component."""
    before, after = difference.before, difference.after
    if before is None or after is None or not difference.path.endswith(".use"):
        return _same(difference)
    (_, colon, bare), (_, other_colon, other) = (str(each.value).rpartition(":") for each in (before, after))
    return bare == other and (colon != other_colon or before.value == after.value)
