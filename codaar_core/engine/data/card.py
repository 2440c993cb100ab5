"""Terms of a data source, and a check that the data of a recipe exist."""

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
    """A data source with its terms and, for a recipe, the state of its data."""

    entry: Entry
    card: Card
    inventory: Sequence[str] = ()  # lines of a source about its files
    found: str = ""  # number of clips and origin
    missing: CodaarError | None = None  # error if data are missing


def data_card(name: str, plugins: Sequence[Path | str] = ()) -> DataCard:
    """Find the terms of a data source, or of a benchmark with its own data, without reading any.

    Args:
        name: ``[provider:]name``, or the name of a plug-in with data of one component.
        plugins: Local files of components.

    Raises:
        CodaarError: Neither a data source nor a plug-in with data has this name, the plug-in has data of several
            components, or the benchmark has no data of its own.
    """
    registry = Registry(plugins)
    entry = _of_plugin(registry, name) or registry.find(
        "benchmark" if _is(registry, "benchmark", name) else "data", name
    )
    card = _card(registry, entry)
    if card is None:
        raise CodaarError(f"{entry.full_name} has no data of its own", "it reads the data of the recipe")
    return DataCard(entry, card)


def _of_plugin(registry: Registry, name: str) -> Entry | None:
    """The only component with data in the plug-in of this name; None if a component or no plug-in has the name."""
    kinds = ("data", "benchmark")
    if any(_is(registry, kind, name) for kind in kinds):
        return None
    parts = [entry for kind in kinds for entry in registry.entries(kind) if entry.provider == name]
    found = [entry for entry in parts if _card(registry, entry) is not None]
    if len(found) > 1:
        raise CodaarError(
            f"the plug-in {name} has data of several components",
            "name one: " + ", ".join(f"codaar data {entry.name}" for entry in found),
        )
    return found[0] if found else None


def _is(registry: Registry, kind: str, name: str) -> bool:
    return any(name in (entry.name, entry.full_name) for entry in registry.entries(kind))


def _card(registry: Registry, entry: Entry) -> Card | None:
    return cast(type[DataSource] | type[Benchmark], registry.load(entry)).card


@contextmanager
def download_hint(card: Card | None) -> Iterator[None]:
    """Add to an error about data files where to get them, unless it has a help already."""
    try:
        yield
    except DataError as error:
        if error.help or card is None:
            raise
        raise DataError(error.message, f"to get it: {card.how_to_get}") from error


def data_of(recipe: Path | str, overrides: Sequence[str] = (), plugins: Sequence[Path | str] = ()) -> DataCard:
    """Find the terms of a recipe's data, and open its pretraining split.

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
