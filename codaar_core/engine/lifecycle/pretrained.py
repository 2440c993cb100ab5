"""What is known of the pretraining of a model: of a run directory, an imported one, or an exported folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from codaar_core.api import CodaarError
from codaar_core.engine.exported.manifest import is_exported, read_manifest
from codaar_core.engine.gathering import Pretrained
from codaar_core.engine.record.checkpoint_state import FinishedEpochs, read_state
from codaar_core.engine.record.lock_comparison import read_lock
from codaar_core.engine.record.run_directory import ORIGIN, ORIGIN_DATA, RunDirectory
from codaar_core.engine.results import Pretraining, Results, as_json, parse
from codaar_core.engine.training.pretraining_cost import last_epoch

UNKNOWN = "unknown"


def pretrained_model(model: Path, checkpoint: Path) -> tuple[Pretrained, list[Mapping[str, float]]]:
    """Return the pretraining of a model and the values of its epochs.

    Args:
        model: A run directory or exported folder.
        checkpoint: The checkpoint, which is the folder itself if it is exported.
    """
    results, rows = results_of(model), FinishedEpochs()
    cost = results.pretraining if results else Pretraining()
    if is_exported(model):
        steps, name = read_manifest(model).steps, str(model)
    else:
        state = read_state(checkpoint)
        rows.load(state, checkpoint.parent)
        steps, name = state.step, f"{model}, {checkpoint.name}"
        cost = attrs.evolve(cost, last_epoch=last_epoch(rows) or cost.last_epoch)
    pretrained = Pretrained(
        directory=RunDirectory(model),
        data=data_origin(model),
        steps=steps,
        cost=cost,
        origin=origin_of(model),
        model=name,
    )
    return pretrained, rows.rows


def results_of(folder: Path) -> Results | None:
    """Return the results of a run or model folder; None if there are none that can be read."""
    try:
        return parse(json.loads((folder / "results.json").read_text("utf-8")))
    except (OSError, ValueError, RecursionError):
        return None


def transfers_of(folder: Path) -> tuple[dict[str, Any], ...]:
    """Return the scores in results.json of a folder, as entries of that file; none if it cannot be read."""
    results = results_of(folder)
    return tuple(as_json(entry) for entry in results.transfers) if results else ()


def data_origin(model: Path) -> str:
    """Return the origin of the data that a model was pretrained on, as its lock or manifest states it."""
    if is_exported(model):
        return read_manifest(model).data.origin or UNKNOWN
    if origin_of(model):
        return str(_status(model).get(ORIGIN_DATA, UNKNOWN))
    try:
        return str(read_lock(model)["data"].get("origin", UNKNOWN))
    except CodaarError:
        results = results_of(model)
        return results.data if results else UNKNOWN


def origin_of(model: Path) -> str:
    """Return where imported weights come from, ``imported from NAME (sha256 ...)``; empty for other models."""
    known: Mapping[str, Any] = read_manifest(model).imported if is_exported(model) else _status(model)
    if not known.get(ORIGIN):
        return ""
    digest = f" (sha256 {known['origin_sha256']})" if known.get("origin_sha256") else ""
    return f"imported from {known.get('origin_file') or known[ORIGIN]}{digest}"


def _status(model: Path) -> Mapping[str, Any]:
    try:
        return RunDirectory(model).status()
    except CodaarError:
        return {}
