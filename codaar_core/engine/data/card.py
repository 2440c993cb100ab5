"""What one must know of a data source before using it, and whether what a recipe asks of it is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import attrs

from codaar_core.api import Benchmark, Card, CodaarError, DataError, DataSource
from codaar_core.engine.assembly.build import build_data
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
    """Look at a data source, or at a benchmark that brings data of its own; nothing of it is read.

    Args:
        name: ``[provider:]name``.
        plugins: Local files of components.

    Raises:
        CodaarError: There is no such data source.
    """
    registry = Registry(plugins)
    benchmarks = {known for entry in registry.entries("benchmark") for known in (entry.name, entry.full_name)}
    entry = registry.find("benchmark" if name in benchmarks else "data", name)
    card = cast(type[DataSource] | type[Benchmark], registry.load(entry)).card
    if card is None:
        raise CodaarError(f"{entry.full_name} brings no data of its own", "it reads the data of the recipe")
    return DataCard(entry, card)


@contextmanager
def download_hint(card: Card | None) -> Iterator[None]:
    """Say where data come from, where an error about their files says nothing better."""
    try:
        yield
    except DataError as error:
        if error.help or card is None:
            raise
        raise DataError(error.message, f"to get it: {card.how_to_get}") from error


def data_of(recipe: Path | str, overrides: Sequence[str] = (), plugins: Sequence[Path | str] = ()) -> DataCard:
    """Look at the data of a recipe, and open its pretraining split.

    Raises:
        CodaarError: The recipe is wrong.
    """
    plan = load(recipe, overrides, plugins)
    data = build_data(plan)
    inventory: Sequence[str] = ()
    try:
        inventory = data.inventory("pretrain")
        clips = len(data.split("pretrain"))
    except CodaarError as error:
        return DataCard(plan.data.entry, data.card, inventory, missing=error)
    return DataCard(plan.data.entry, data.card, inventory, f"{clips} clips for pretraining: {data.origin}")
