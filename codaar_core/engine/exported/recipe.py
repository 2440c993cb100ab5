"""The recipe of an exported model: all that shapes the model, with stated spaces in place of its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from codaar_core.api import Card, CodaarError, DataSource
from codaar_core.engine.exported.private_paths import PathRemover, absolute_paths
from codaar_core.features.packed.source import PRETRAIN, PackedFeatures
from codaar_core.recipe.plan import Plan

KEPT = {
    "run": ("name", "seed", "epochs"),
    "device": ("dtype", "autocast"),
    "model": ("modalities", "align", "losses"),
}
"""Settings of sections that are kept in part; the others concern files and devices of one machine."""
WHOLE = ("optimizer", "quantizer", "encoders", "decoders", "align", "losses")


def portable_recipe(plan: Plan, data: DataSource, paths: PathRemover) -> dict[str, Any]:
    """The recipe that rebuilds the model of a plan on any machine; it has no benchmarks, hooks and local files.

    Args:
        plan: The plan of the run.
        data: Its data source.
        paths: Removes paths from descriptions of the data.

    Raises:
        CodaarError: A component of the model has an absolute path among its settings.
    """
    resolved = plan.resolved
    parts = {name: {key: resolved[name][key] for key in keys} for name, keys in KEPT.items()}
    blocks = {name: resolved[name] for name in WHOLE}
    for setting, path in absolute_paths(blocks):
        raise CodaarError(
            f"{setting} = {path!r} is a path of this machine: the exported model could not be opened elsewhere",
            "use a relative path or a component that needs no file, then export again",
        )
    recipe = {"codaar": resolved["codaar"], **parts, "data": {**_stated(plan, data, paths), "batch": plan.batch}}
    return {**recipe, **{name: block for name, block in blocks.items() if block}}


def _stated(plan: Plan, data: DataSource, paths: PathRemover) -> dict[str, Any]:
    """The block of the data source "stated"."""
    card = {name: paths.cleaned(value) for name, value in attrs.asdict(card_of(data)).items() if value}
    spaces = {modality: _space(data, modality) for modality in plan.modalities}
    return {"use": "core:stated", **card, "origin": paths.cleaned(data.origin), "spaces": spaces}


def card_of(data: DataSource) -> Card:
    """The card of a data source; of packed clips, that of the data that were packed; empty if it has none."""
    if isinstance(data, PackedFeatures):
        header = data.split(PRETRAIN).layout.header
        return Card(header.origin, header.licence, "")
    return getattr(data, "card", None) or Card("", "", "")


def _space(data: DataSource, modality: str) -> Mapping[str, Any]:
    space, extraction = data.spaces[modality], data.extraction.get(modality)
    stated: dict[str, Any] = {"shape": list(space.shape)}
    if space.length is not None:
        stated["length"] = space.length
    return {**stated, "extraction": extraction} if extraction else stated
