"""lock.toml: exactly what a run was made of."""

from __future__ import annotations

import hashlib
import inspect
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from codaar_core.api import DataSource
from codaar_core.engine.runtime import Runtime
from codaar_core.recipe.plan import Plan


def lock(plan: Plan, data: DataSource, runtime: Runtime) -> dict[str, Any]:
    """Versions of packages, hashes of recipe files and component sources, origin of the data, the machine."""
    return {
        "format": 1,
        "python": platform.python_version(),
        "packages": versions(plan),
        "recipe": {
            "files": {str(path): _sha256(path) for path in plan.recipe.files},
            "overrides": list(plan.overrides),
        },
        "components": {
            block.path: {
                "name": f"{block.entry.provider}:{block.entry.name}",
                "package": block.entry.distribution,
                "target": block.entry.target,
                "source": _sha256(Path(inspect.getfile(block.component))),
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


def versions(plan: Plan) -> dict[str, str]:
    """Versions of core, torch and the distributions of all used components."""
    named = {block.entry.distribution: block.entry.version for block in plan.blocks()}
    return {"codaar-core": metadata.version("codaar-core"), "torch": torch.__version__, **dict(sorted(named.items()))}


def _sha256(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
