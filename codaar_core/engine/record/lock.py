"""lock.toml: the versions, files and data that determine the results of a run."""

from __future__ import annotations

import hashlib
import inspect
import os
import platform
import shlex
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from codaar_core.api import DataSource
from codaar_core.engine.devices.runtime import Runtime
from codaar_core.engine.record.git_commit import commit_of
from codaar_core.engine.record.lock_comparison import FORMAT
from codaar_core.recipe.plan import Block, Plan
from codaar_core.recipe.toml.shipped import shipped_name

LOCATION = "run.directory"  # not locked: it changes only where files are written


def lock(plan: Plan, data: DataSource, runtime: Runtime, origin: str | None = None) -> dict[str, Any]:
    """Return the lock: package versions, hashes of recipe files and component sources, origin of the data, machine.

    Args:
        plan: The plan.
        data: Data source of pretraining.
        runtime: Device, precision and ranks.
        origin: Origin of the data of pretraining, where their files are not read; None: that of ``data``.
    """
    return {
        "format": FORMAT,
        "command": command(plan),
        "python": platform.python_version(),
        "git": commit_of(plan.source),
        "packages": versions(plan),
        "recipe": {
            "files": recipe_files(plan),
            "overrides": _overrides(plan),
        },
        "components": {
            block.path: {
                "name": block.entry.full_name,
                "package": block.entry.distribution,
                "target": block.entry.target,
                "source": source_hash(block),
            }
            for block in plan.blocks()
        },
        "data": {"origin": data.origin if origin is None else origin, "licence": data.card.licence},
        "machine": {
            "device": str(runtime.device),
            "dtype": str(runtime.dtype).removeprefix("torch."),
            "ranks": runtime.ranks.size,
            "threads": torch.get_num_threads(),
        },
    }


def recipe_files(plan: Plan) -> dict[str, str]:
    """Return the hash of every recipe file that was read, by its path."""
    return {_relative(file, plan.source): _sha256(content.encode()) for file, content in plan.recipe.files.items()}


def source_hash(block: Block) -> str:
    """Return the hash of the source file of a component."""
    return _sha256(Path(inspect.getfile(block.component)).read_bytes())


def command(plan: Plan) -> str:
    """Return the shell command that runs this plan."""
    return shlex.join(["codaar-run", shipped_name(plan.source) or str(plan.source), *override_options(plan)])


def override_options(plan: Plan) -> list[str]:
    """Return the options ``-o`` and ``--plugin`` that a plan was made with."""
    overrides = [word for override in plan.overrides for word in ("-o", override)]
    return [*overrides, *(word for file in plan.plugins for word in ("--plugin", file))]


def resume_command(plan: Plan, run_directory: Path) -> str:
    """Return the shell command that resumes a run of this plan."""
    return f"{command(plan)} --resume {shlex.quote(str(run_directory))}"


def versions(plan: Plan) -> dict[str, str]:
    """Return the versions of codaar-core, torch and the distributions of all used components, by name."""
    plugins = {block.entry.distribution: block.entry.version for block in plan.blocks()}
    return {**framework_versions(), **dict(sorted(plugins.items()))}


def framework_versions() -> dict[str, str]:
    """Return the versions of codaar-core and torch."""
    return {"codaar-core": metadata.version("codaar-core"), "torch": torch.__version__}


def _overrides(plan: Plan) -> dict[str, str]:
    """Return the values of ``-o`` by path; of several for one path the last counts."""
    pairs = [override.partition("=") for override in plan.overrides]
    return {path.strip(): value.strip() for path, _, value in pairs if path.strip() != LOCATION}


def _relative(path: Path, recipe: Path) -> str:
    """Return ``path`` relative to the recipe's folder, or as ``pkg:NAME``: independent of where either lies."""
    return shipped_name(path) or Path(os.path.relpath(path, recipe.parent)).as_posix()


def _sha256(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()
