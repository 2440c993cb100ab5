"""Checkpoints: weights and optimizer as safetensors, the rest as JSON. Nothing in them can run code."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from codaar_core.api import CodaarError, Loss
from codaar_core.engine.assembly.model import Model
from codaar_core.features.files import writing, written_aside

FORMAT = 2
EXTRA_STATE = "besides/"


class Best(NamedTuple):
    """What is lowest so far, of the values of an epoch."""

    name: str
    value: float


def save_checkpoint(
    folder: Path,
    step: int,
    model: Model,
    optimizer: torch.optim.Optimizer,
    extra_state: Mapping[str, Tensor] = MappingProxyType({}),
    keep: int = 2,
) -> Path:
    """Write ``step-N``, and remove all but the newest ``keep``.

    No state of a random generator is kept: every draw of a step follows from the seed and the step's number. For the
    same reason a ``step-N`` that is there already is this very state, and stays: to replace it would be to risk it.

    Args:
        extra_state: What else of the training is to be kept.

    Raises:
        CodaarError: The disk is full or not writable; earlier checkpoints stay.
    """
    final = folder / f"step-{step}"
    if final not in complete_checkpoints(folder):
        _write(final, {"step": step}, model, optimizer, extra_state)
    for old in complete_checkpoints(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def save_if_best(
    folder: Path,
    step: int,
    now: Best,
    model: Model,
    optimizer: torch.optim.Optimizer,
    extra_state: Mapping[str, Tensor],
) -> None:
    """Write ``best-N`` if the value is lower than that of the best so far, which is then removed.

    A best by another value is no match: the recipe names another one since.

    Raises:
        CodaarError: The disk is full or not writable; the best so far stays.
    """
    best = best_checkpoint(folder)
    before = None if best is None else _state(best)
    if before is not None and before["of"] == now.name and now.value >= before["value"]:
        return
    _write(folder / f"best-{step}", {"step": step, "of": now.name, "value": now.value}, model, optimizer, extra_state)
    if best is not None:
        shutil.rmtree(best, ignore_errors=True)


def best_checkpoint(folder: Path) -> Path | None:
    """The best so far; a save that was cut off may have left the one before it beside it."""
    found = [path for path in folder.glob("best-*") if (path / "state.json").is_file()]
    return max(found, key=lambda path: _state(path)["step"], default=None)


def _state(path: Path) -> dict[str, Any]:
    """Step and value of a checkpoint.

    Raises:
        CodaarError: The file is damaged, or of a newer codaar-core.
    """
    file = path / "state.json"
    try:
        state = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(file, error) from error
    if state.get("format") != FORMAT:
        raise CodaarError(
            f"{file} has checkpoint format {state.get('format')!r}, this codaar-core reads format {FORMAT}",
            "use the codaar-core that wrote it; lock.toml of the run names its version",
        )
    return state


def _damaged(file: Path, error: Exception) -> CodaarError:
    help = f"remove {file.parent} to go on from the checkpoint before it"
    return CodaarError(f"{file} cannot be read: {error}", help)


def _write(
    final: Path,
    state: Mapping[str, Any],
    model: Model,
    optimizer: torch.optim.Optimizer,
    extra_state: Mapping[str, Tensor],
) -> None:
    """Write a checkpoint beside its final place, flush it and rename it."""
    with writing(final.parent):
        final.parent.mkdir(parents=True, exist_ok=True)
    for cut_off in final.parent.glob(".*.partial"):
        shutil.rmtree(cut_off, ignore_errors=True)
    with written_aside(final, "make room and resume the run") as aside:
        aside.mkdir()
        _save(_contiguous(model.state_dict()), aside / "model.safetensors")
        _save(_contiguous(dict(_training_tensors(model, optimizer, extra_state))), aside / "train.safetensors")
        (aside / "state.json").write_text(json.dumps({"format": FORMAT, **state}) + "\n", "utf-8")


def _save(tensors: Mapping[str, Tensor], path: Path) -> None:
    try:
        save_file(dict(tensors), path)
    except SafetensorError as error:  # how safetensors reports a full disk
        raise OSError(str(error)) from error


def complete_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in ``folder``, oldest first."""
    found = [path for path in folder.glob("step-*") if (path / "state.json").is_file()]
    return sorted(found, key=lambda path: int(path.name.removeprefix("step-")))


def newest_checkpoint(folder: Path) -> Path:
    """The last complete checkpoint.

    Raises:
        CodaarError: There is none.
    """
    found = complete_checkpoints(folder)
    if not found:
        raise CodaarError(f"no checkpoint in {folder}", "start the run anew, without --resume")
    return found[-1]


def load_model(path: Path, model: Model) -> None:
    """Load weights and codebooks.

    Raises:
        CodaarError: The file is damaged or belongs to another model.
    """
    file = path / "model.safetensors"
    take_weights(model, _tensors(file), str(file))


def _tensors(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise _damaged(file, error) from error


def take_weights(model: Model, weights: Mapping[str, Tensor], source: str) -> None:
    """Load weights and codebooks that were read from ``source``.

    Raises:
        CodaarError: They belong to another model.
    """
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise CodaarError(f"{source} does not fit this model: {reason}") from error


def load_training(path: Path, model: Model, optimizer: torch.optim.Optimizer) -> tuple[int, dict[str, Tensor]]:
    """Load model and optimizers; gives the number of steps already done, and what else was kept.

    Raises:
        CodaarError: A file is damaged, of a newer codaar-core, or belongs to another model.
    """
    step = int(_state(path)["step"])
    load_model(path, model)
    tensors = _tensors(path / "train.safetensors")
    for prefix, each in _optimizers(model, optimizer):
        saved = each.state_dict()
        saved["state"] = _nested({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
        each.load_state_dict(saved)
    return step, {k.removeprefix(EXTRA_STATE): v for k, v in tensors.items() if k.startswith(EXTRA_STATE)}


def _optimizers(model: Model, optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, torch.optim.Optimizer]]:
    yield "model/", optimizer
    for name, loss in model.losses.items():
        own = cast(Loss, loss).optimizer
        if own is not None:
            yield f"{name}/", own


def _training_tensors(
    model: Model, optimizer: torch.optim.Optimizer, extra_state: Mapping[str, Tensor]
) -> Iterator[tuple[str, Tensor]]:
    for prefix, each in _optimizers(model, optimizer):
        for index, state in each.state_dict()["state"].items():
            for key, value in state.items():
                yield f"{prefix}{index}/{key}", value
    for key, value in extra_state.items():
        yield f"{EXTRA_STATE}{key}", value


def _nested(flat: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    nested: dict[int, dict[str, Tensor]] = {}
    for name, value in flat.items():
        index, key = name.split("/")
        nested.setdefault(int(index), {})[key] = value
    return nested


def _contiguous(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Safetensors stores plain row-major tensors only."""
    return {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
