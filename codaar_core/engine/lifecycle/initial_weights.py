"""``[model] from``: the weights of another model, or parts of them, from which a new run begins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
from torch import Tensor

from codaar_core.api import CodaarError
from codaar_core.engine.assembly.model import Model
from codaar_core.engine.exported.manifest import is_exported, read_manifest, verify_folder
from codaar_core.engine.record.checkpoint import newest_checkpoint, read_weights
from codaar_core.engine.record.checkpoint_state import verify
from codaar_core.engine.record.lock_comparison import read_lock
from codaar_core.engine.record.pretraining_clips import PRETRAINING_CLIPS, RecordingHashes
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.features.files import sha256_of
from codaar_core.recipe.plan import Plan
from codaar_core.registry import did_you_mean

LOCKED = "initial_weights"  # table of lock.toml
SHOWN = 5  # tensors that a message names


@attrs.frozen
class InitialWeights:
    """The weights that a new run begins from.

    Attributes:
        folder: The run directory or exported model.
        file: Its model.safetensors.
        parts: The parts that are taken; None: all.
        sha256: Checksum of the file.
    """

    folder: Path
    file: Path
    parts: tuple[str, ...] | None
    sha256: str

    def locked(self) -> dict[str, Any]:
        """Return the entries of lock.toml."""
        return {"from": str(self.folder), "parts": list(self.parts or ()), "sha256": self.sha256}

    def load_into(self, model: Model) -> None:
        """Copy the weights into a model.

        Raises:
            CodaarError: The model has no such part, or tensors are missing or have other shapes.
        """
        copy_parts(model, read_weights(self.file), self.parts, str(self.folder))

    def record_clips(self, directory: RunDirectory) -> None:
        """Write the pretraining clips of the model to a new run directory, to which the run adds its own.

        Raises:
            CodaarError: The list is damaged or cannot be written.
        """
        RecordingHashes.read(self.folder / PRETRAINING_CLIPS).write(directory.path / PRETRAINING_CLIPS)


def initial_weights(plan: Plan) -> InitialWeights | None:
    """Find the weights that ``model.from`` names, and compare their checksums; None if a run begins from random ones.

    Raises:
        CodaarError: There is no such model, or a file of it is damaged.
    """
    if plan.weights_from is None:
        return None
    folder = Path(plan.weights_from).expanduser()
    file = _checkpoint(folder) / "model.safetensors"
    return InitialWeights(folder, file, plan.weights_parts, sha256_of(file))


def earlier_initial_weights(directory: RunDirectory) -> dict[str, Any]:
    """Return the weights that a run began from, as its lock states them; empty if these were random."""
    try:
        return dict(read_lock(directory.path).get(LOCKED, {}))
    except CodaarError:
        return {}


def _checkpoint(folder: Path) -> Path:
    if is_exported(folder):
        read_manifest(folder)
        verify_folder(folder)
        return folder
    if not (folder / "status.json").exists():
        raise CodaarError(
            f"model.from: {folder} is neither a run directory nor an exported model",
            "give a folder like runs/NAME/STAMP, or one that `codaar export` wrote",
        )
    checkpoint = newest_checkpoint(RunDirectory(folder).checkpoints)
    verify(checkpoint)
    return checkpoint


def copy_parts(model: Model, weights: Mapping[str, Tensor], parts: Sequence[str] | None, source: str) -> None:
    """Copy tensors into a model.

    Args:
        model: The model.
        weights: Tensors by their name in the state dict; further ones are ignored.
        parts: Names of parts, e.g. ``quantizer`` or ``encoders.NAME``; None: the whole model.
        source: Where the tensors come from, for messages.

    Raises:
        CodaarError: The model has no such part, or tensors are missing or have other shapes.
    """
    own = model.state_dict()
    names = list(own) if parts is None else [name for part in parts for name in _tensors_of(part, own)]
    wrong = list(_problems(names, own, weights))
    if wrong:
        more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise CodaarError(
            f"model.from: the weights of {source} do not fit this model: {'; '.join(wrong[:SHOWN])}{more}",
            "take only the parts that fit: model.parts = [...]; or give the blocks of the recipe the same sizes",
        )
    model.load_state_dict({**own, **{name: weights[name] for name in names}})


def _tensors_of(part: str, own: Mapping[str, Tensor]) -> list[str]:
    names = [name for name in own if name == part or name.startswith(f"{part}.")]
    if not names:
        known = sorted({".".join(name.split(".")[:depth]) for name in own for depth in (1, 2)})
        help = did_you_mean(part, known) or f"parts are, e.g., {', '.join(known[:SHOWN])}"
        raise CodaarError(f"model.parts: this model has no part {part!r} with weights", help)
    return names


def _problems(names: Sequence[str], own: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> Iterator[str]:
    for name in names:
        if name not in weights:
            yield f"{name} {tuple(own[name].shape)} is missing"
        elif weights[name].shape != own[name].shape:
            yield f"{name} has the shape {tuple(weights[name].shape)}, here it is {tuple(own[name].shape)}"
