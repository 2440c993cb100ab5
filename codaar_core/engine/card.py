"""What one must know of a data source before using it, and whether what a recipe asks of it is there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs

from codaar_core.api import Card, CodaarError
from codaar_core.engine.build import build_data
from codaar_core.recipe import load
from codaar_core.registry import Entry, Registry


@attrs.frozen
class DataCard:
    """A data source and its terms; and where a recipe was given, what is there of its data."""

    entry: Entry
    card: Card
    inventory: Sequence[str] = ()  # what a source that knows its files says of them
    found: str = ""  # what is there
    missing: CodaarError | None = None  # what is not


def data_card(name: str, plugins: Sequence[Path | str] = ()) -> DataCard:
    """Look at a data source; nothing of it is read.

    Args:
        name: ``[provider:]name``.
        plugins: Local files of components.

    Raises:
        CodaarError: There is no such data source.
    """
    registry = Registry()
    for file in plugins:
        registry.add_file(Path(file))
    entry = registry.find("data", name)
    return DataCard(entry, registry.load(entry).card)


def data_of(recipe: Path | str, overrides: Sequence[str] = (), plugins: Sequence[Path | str] = ()) -> DataCard:
    """Look at the data of a recipe, and open its pretraining split.

    Raises:
        CodaarError: The recipe is wrong.
    """
    plan = load(recipe, overrides, plugins)
    data, inventory = build_data(plan), ()
    try:
        inventory = data.inventory("pretrain")
        clips = len(data.split("pretrain"))
    except CodaarError as error:
        return DataCard(plan.data.entry, data.card, inventory, missing=error)
    return DataCard(plan.data.entry, data.card, inventory, f"{clips} clips for pretraining: {data.origin}")
