"""lock.toml: exactly what a run was made of."""

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
from codaar_core.recipe.plan import Plan

FORMAT = 1
WHERE = "run.directory"  # changes nothing but the place of the files


def lock(plan: Plan, data: DataSource, runtime: Runtime) -> dict[str, Any]:
    """Versions of packages, hashes of recipe files and component sources, origin of the data, the machine."""
    return {
        "format": FORMAT,
        "command": command(plan),
        "python": platform.python_version(),
        "git": commit_of(plan.source),
        "packages": versions(plan),
        "recipe": {
            "files": {_beside(file, plan.source): _sha256(it.encode()) for file, it in plan.recipe.files.items()},
            "overrides": _overrides(plan),
        },
        "components": {
            block.path: {
                "name": block.entry.full_name,
                "package": block.entry.distribution,
                "target": block.entry.target,
                "source": _sha256(Path(inspect.getfile(block.component)).read_bytes()),
            }
            for block in plan.blocks()
        },
        "data": {"origin": data.origin, "licence": data.card.licence},
        "machine": {
            "device": str(runtime.device),
            "dtype": str(runtime.dtype).removeprefix("torch."),
            "ranks": runtime.ranks.size,
            "threads": torch.get_num_threads(),
        },
    }


def command(plan: Plan) -> str:
    """What to type to run this plan once more."""
    overrides = [word for override in plan.overrides for word in ("-o", override)]
    return shlex.join(["codaar-run", str(plan.source), *overrides])


def versions(plan: Plan) -> dict[str, str]:
    """Versions of core, torch and the distributions of all used components."""
    named = {block.entry.distribution: block.entry.version for block in plan.blocks()}
    return {"codaar-core": metadata.version("codaar-core"), "torch": torch.__version__, **dict(sorted(named.items()))}


def _overrides(plan: Plan) -> dict[str, str]:
    """What the command line set, by path; the last of several wins."""
    pairs = [override.partition("=") for override in plan.overrides]
    return {path.strip(): value.strip() for path, _, value in pairs if path.strip() != WHERE}


def _beside(path: Path, recipe: Path) -> str:
    """A path relative to the recipe: the same wherever the checkout lies."""
    return Path(os.path.relpath(path, recipe.parent)).as_posix()


def _sha256(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()
