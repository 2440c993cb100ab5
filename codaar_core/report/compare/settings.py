"""The settings in which several runs differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from codaar_core.api.errors import CodaarError
from codaar_core.recipe import literal
from codaar_core.recipe.explain import explain
from codaar_core.recipe.settings import PER_MODALITY, SWITCHED

RESOLVED, RECIPE = "resolved.toml", "recipe.toml"
WITHOUT_EFFECT = ("run.directory",)
ABSENT = "-"


@attrs.frozen
class SettingRow:
    """A setting, and its value in each run as TOML; "-" where a run has none."""

    path: str
    values: tuple[str, ...]


def different_settings(runs: Sequence[Path]) -> Iterator[SettingRow]:
    """Yield every setting that differs between two of the runs; one row for a whole block that a run does not have.

    An exported model states only what shapes the model: what its recipe leaves out counts as unknown, not as different.
    """
    found = [_settings(run) for run in runs]
    whole = [(run / RESOLVED).is_file() for run in runs]
    blocks: set[str] = set()
    for path in dict.fromkeys(path for values in found for path in values if path not in WITHOUT_EFFECT):
        block = _block(path)
        has_block = [any(_block(each) == block for each in values) for values in found] if block else [True] * len(runs)
        known = [
            each.get(path)
            for each, complete, has in zip(found, whole, has_block, strict=True)
            if has and (complete or path in each)
        ]
        if any(complete and not has for complete, has in zip(whole, has_block, strict=True)):
            if block not in blocks:
                yield SettingRow(block, tuple(_shown(each, f"{block}.use") for each in found))
            blocks.add(block)
        if any(value != known[0] for value in known):
            yield SettingRow(path, tuple(_shown(each, path) for each in found))


def _block(path: str) -> str:
    """The block that a setting belongs to, e.g. ``bench.retrieval``; empty for a section without named blocks."""
    section, _, rest = path.partition(".")
    return f"{section}.{rest.partition('.')[0]}" if section in (*SWITCHED, *PER_MODALITY) else ""


def _shown(values: Mapping[str, Any], path: str) -> str:
    return literal(values[path]) if path in values else ABSENT


def _settings(run: Path) -> dict[str, Any]:
    """All values of the recipe of a run; empty if there is none, or if it is damaged."""
    resolved = run / RESOLVED
    try:
        return {each.path: each.value for each in explain(resolved if resolved.is_file() else run / RECIPE)}
    except CodaarError:
        return {}
