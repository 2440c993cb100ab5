"""The files of the heads of one seed, ``bench/NAME/seed-S``; heads that an interrupted evaluation finished are read.

metrics.json is written last and names the checksums of the other files, so that it commits them. Its ``key`` stands for
everything that the heads depend on.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import attrs
import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from codaar_core.api import Predicted, Transfer
from codaar_core.engine.devices.runtime import Runtime
from codaar_core.engine.record.lock import framework_versions, source_hash
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.features.files import sha256_of, write_whole
from codaar_core.recipe.plan import BenchmarkPlan, Plan

HEAD, PREDICTIONS, METRICS = "head.safetensors", "predictions.npz", "metrics.json"
TARGET = "target/"
BESIDE = (
    "bench",
    "hooks",
    "run",
    "optimizer",
)  # tables of a recipe that heads do not depend on, except their own block

NO_EFFECT = {"evaluate": ("on", "seeds", "every"), "data": ("workers",)}
"""Settings, by table, that the heads of one benchmark and seed do not depend on."""


def weights_digest(model: nn.Module) -> str:
    """SHA-256 of the names, types, shapes and values of all tensors of a model."""
    digest = sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def heads_key(
    plan: Plan, bench: BenchmarkPlan, runtime: Runtime, weights: str, clips: str, builds_on: Collection[str] = ()
) -> str:
    """Return a checksum of everything that the heads of one benchmark depend on, apart from its data files.

    Args:
        plan: The plan.
        bench: The benchmark's part of it.
        runtime: Device and precision.
        weights: Digest of the weights of the model.
        clips: Digest of the recordings of pretraining, which may be left out of the benchmark.
        builds_on: Names of other benchmarks whose clips it uses.
    """
    settings = {name: table for name, table in plan.resolved.items() if name not in BESIDE}
    for table, names in NO_EFFECT.items():
        settings[table] = {name: value for name, value in settings[table].items() if name not in names}
    others = [f"bench.{name}" for name in builds_on]
    blocks = [each for each in plan.blocks() if _matters(each.path, bench) or each.path in others]
    parts = {
        **settings,
        "device": {"device": runtime.device.type, "dtype": str(runtime.dtype)},
        "bench": plan.resolved["bench"][bench.name],
        **({"others": {name: plan.resolved["bench"][name] for name in sorted(builds_on)}} if builds_on else {}),
        "sources": {block.path: source_hash(block) for block in blocks},
        "versions": {**framework_versions(), **{each.entry.distribution: each.entry.version for each in blocks}},
        "weights": weights,
        "clips": clips,
    }
    return sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _matters(path: str, bench: BenchmarkPlan) -> bool:
    """Whether heads of a benchmark depend on the block ``path``."""
    return path in (bench.block.path, bench.head.path) or not path.startswith(("bench.", "hooks."))


@attrs.frozen
class SeedFolder:
    """The files of the heads of one seed.

    Attributes:
        path: The folder.
        key: What the heads depend on: see ``heads_key``.
    """

    path: Path
    key: str

    def predictions(self, targets: Mapping[str, Tensor]) -> dict[Transfer, Predicted] | None:
        """Read the predictions of finished heads.

        Args:
            targets: Targets of the test clips by modality, on the CPU.

        Returns:
            They, by transfer; None if the heads are not finished, depended on something else, or a file is damaged.
        """
        try:
            record = json.loads((self.path / METRICS).read_text("utf-8"))
            if record["key"] != self.key:
                return None
            if any(sha256_of(self.path / name) != digest for name, digest in record["files"].items()):
                return None
            with np.load(self.path / PREDICTIONS) as archive:
                arrays = {name: torch.from_numpy(archive[name]) for name in archive.files}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, BadZipFile):
            return None
        if any(not torch.equal(arrays.get(TARGET + m, torch.empty(0)), target) for m, target in targets.items()):
            return None
        transfers = {name: Transfer(*name.split("->")) for name in arrays if not name.startswith(TARGET)}
        return {t: Predicted(arrays[name], arrays[TARGET + t.test]) for name, t in transfers.items()}

    def write(
        self,
        heads: Mapping[str, Mapping[str, Tensor]],
        predictions: Mapping[Transfer, Predicted],
        record: Mapping[str, Any],
    ) -> None:
        """Write heads, predictions, and last the record with key and checksums.

        Args:
            heads: State dicts by the modality that each head was trained on.
            predictions: Predictions by transfer.
            record: Further entries of metrics.json.

        Raises:
            CodaarError: A file cannot be written.
        """
        (self.path / METRICS).unlink(missing_ok=True)
        weights = {f"{m}.{name}": value.contiguous() for m, head in heads.items() for name, value in head.items()}
        contents = {HEAD: save(weights)} if weights else {}
        contents[PREDICTIONS] = _archive(predictions)
        for name, content in contents.items():
            write_whole(self.path / name, content)
        sums = {name: sha256(content).hexdigest() for name, content in contents.items()}
        RunDirectory(self.path).write_json(METRICS, {**record, "key": self.key, "files": sums})


def _archive(predictions: Mapping[Transfer, Predicted]) -> bytes:
    arrays: dict[str, Any] = {f"{t.train}->{t.test}": each.prediction.numpy() for t, each in predictions.items()}
    arrays |= {f"{TARGET}{t.test}": each.target.numpy() for t, each in predictions.items()}
    archive = BytesIO()
    np.savez_compressed(archive, **arrays)
    return archive.getvalue()
