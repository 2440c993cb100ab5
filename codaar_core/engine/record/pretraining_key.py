"""The key of a pretraining: runs with equal keys have bitwise equal weights, so that one can take over the other's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from codaar_core.engine.record.checkpoint import complete_checkpoints, intact_checkpoint
from codaar_core.engine.record.checkpoint_state import read_state
from codaar_core.engine.record.lock import framework_versions
from codaar_core.engine.record.resume import CHANGEABLE
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.engine.record.settings_paths import flattened
from codaar_core.recipe.plan import Plan

KEY = "pretraining_key"  # in lock.toml
CHECKPOINTS = ("run.best",)  # of the changeable settings: they decide which checkpoints there are
LEFT_OUT = (
    *(path for path in CHANGEABLE if path not in CHECKPOINTS),
    *("run.name", "device.on", "device.processes", "model.from"),  # the key has device, ranks and initial weights
)
LATER = ("bench.", "hooks.")  # blocks that are built, but take no part in pretraining


def pretraining_key(plan: Plan, lock: Mapping[str, Any], initial_weights: str = "") -> str:
    """Return the checksum of everything that shapes the weights.

    This is the recipe without the settings of names, logs, hooks and evaluation; the origin of the data; source and
    version of each component of pretraining; the versions of codaar-core and torch; the kind of device, the
    floating-point type, the number of ranks and, on a CPU, of threads.

    Args:
        plan: The plan.
        lock: The lock of the run.
        initial_weights: Checksum of the weights that it begins from; empty: random ones.
    """
    blocks = [block for block in plan.blocks() if not block.path.startswith(LATER)]
    machine = {**lock["machine"], "device": lock["machine"]["device"].partition(":")[0]}
    if machine["device"] != "cpu":
        del machine["threads"]
    parts = {
        "settings": pretraining_settings(plan),
        "data": lock["data"]["origin"],
        "components": {block.path: lock["components"][block.path]["source"] for block in blocks},
        "versions": {**framework_versions(), **{each.entry.distribution: each.entry.version for each in blocks}},
        "machine": machine,
        "initial_weights": initial_weights,
    }
    return sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def pretraining_settings(plan: Plan) -> dict[str, Any]:
    """Return the settings that shape the weights, by path: plans with different ones never have equal keys."""
    return {path: value for path, value in flattened(plan.resolved) if not path.startswith(LEFT_OUT)}


def find_pretraining(plan: Plan, key: str) -> RunDirectory | None:
    """Return the newest run below ``run.directory`` with a finished pretraining of this key, or None."""
    if not plan.run.epochs:
        return None
    return next(
        (each for each in _with_key(Path(plan.run.directory), key) if is_pretrained(each, plan.run.epochs)), None
    )


def _with_key(folder: Path, key: str) -> Iterator[RunDirectory]:
    """Yield the runs of any name whose lock has the key, newest first."""
    for file in sorted(folder.glob("*/*/lock.toml"), key=lambda file: file.parent.name, reverse=True):
        try:
            if f'{KEY} = "{key}"' in file.read_text("utf-8"):
                yield RunDirectory(file.parent)
        except (OSError, ValueError):  # unreadable: this run is not found
            continue


def is_pretrained(directory: RunDirectory, epochs: int) -> bool:
    """Whether the newest checkpoint of a run is intact and that of its last epoch."""
    complete = complete_checkpoints(directory.checkpoints)
    checkpoint = intact_checkpoint(directory.checkpoints) if complete else None
    return checkpoint is not None and len(read_state(checkpoint).epochs) == epochs
