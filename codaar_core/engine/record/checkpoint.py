"""Checkpoints: tensors as safetensors and the rest as JSON, so that loading one executes no code."""

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
EXTRA_STATE = "besides/"  # prefix of tensors that belong neither to the model nor to an optimizer


class Best(NamedTuple):
    """The lowest value of an epoch metric so far."""

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
    """Write the checkpoint ``step-N`` and remove all but the newest ``keep``.

    States of random generators are not saved: the random draws of a step depend only on the seed and the step number.
    For the same reason an existing ``step-N`` contains this state already, and is left in place.

    Args:
        folder: Folder of the checkpoints.
        step: Number of steps done.
        model: The model.
        optimizer: Its optimizer; those of losses are saved too.
        extra_state: Further tensors to save.
        keep: Number of checkpoints to keep.

    Returns:
        The folder of the checkpoint.

    Raises:
        CodaarError: The disk is full or not writable; earlier checkpoints remain.
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
    """Write the checkpoint ``best-N`` and remove the previous one, if the metric is lower than there.

    A previous one that was selected by another metric is always replaced: the recipe has been changed since.

    Args:
        folder: Folder of the checkpoints.
        step: Number of steps done.
        now: The metric and its current value.
        model: The model.
        optimizer: Its optimizer; those of losses are saved too.
        extra_state: Further tensors to save.

    Raises:
        CodaarError: The disk is full or not writable; the previous one remains.
    """
    best = best_checkpoint(folder)
    previous = None if best is None else _read_state(best)
    if previous is not None and previous["of"] == now.name and now.value >= previous["value"]:
        return
    _write(folder / f"best-{step}", {"step": step, "of": now.name, "value": now.value}, model, optimizer, extra_state)
    if best is not None:
        shutil.rmtree(best, ignore_errors=True)


def best_checkpoint(folder: Path) -> Path | None:
    """Return the newest ``best-N``, or None; an interrupted save may have left an older one in place."""
    found = [path for path in folder.glob("best-*") if (path / "state.json").is_file()]
    return max(found, key=lambda path: _read_state(path)["step"], default=None)


def _read_state(path: Path) -> dict[str, Any]:
    """Read state.json of a checkpoint: its step and, for ``best-N``, the metric and its value.

    Raises:
        CodaarError: The file is damaged, or was written by a newer codaar-core.
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
    help = f"remove {file.parent} to resume from the previous checkpoint"
    return CodaarError(f"{file} cannot be read: {error}", help)


def _write(
    final: Path,
    state: Mapping[str, Any],
    model: Model,
    optimizer: torch.optim.Optimizer,
    extra_state: Mapping[str, Tensor],
) -> None:
    """Write a checkpoint to a temporary folder, flush it to disk and rename it; remove what interrupted saves left."""
    with writing(final.parent):
        final.parent.mkdir(parents=True, exist_ok=True)
    for partial in final.parent.glob(".*.partial"):
        shutil.rmtree(partial, ignore_errors=True)
    with written_aside(final, "make room and resume the run") as aside:
        aside.mkdir()
        _save(_contiguous(model.state_dict()), aside / "model.safetensors")
        _save(_contiguous(dict(_training_tensors(model, optimizer, extra_state))), aside / "train.safetensors")
        (aside / "state.json").write_text(json.dumps({"format": FORMAT, **state}) + "\n", "utf-8")


def _save(tensors: Mapping[str, Tensor], path: Path) -> None:
    try:
        save_file(dict(tensors), path)
    except SafetensorError as error:  # safetensors reports a full disk this way
        raise OSError(str(error)) from error


def complete_checkpoints(folder: Path) -> list[Path]:
    """Return the complete ``step-N`` checkpoints in ``folder``, oldest first."""
    found = [path for path in folder.glob("step-*") if (path / "state.json").is_file()]
    return sorted(found, key=lambda path: int(path.name.removeprefix("step-")))


def newest_checkpoint(folder: Path) -> Path:
    """Return the newest complete ``step-N`` checkpoint.

    Raises:
        CodaarError: There is none.
    """
    found = complete_checkpoints(folder)
    if not found:
        raise CodaarError(f"no checkpoint in {folder}", "start a new run, without --resume")
    return found[-1]


def load_model(path: Path, model: Model) -> None:
    """Load weights and codebooks of the checkpoint ``path``.

    Raises:
        CodaarError: The file is damaged or belongs to another model.
    """
    file = path / "model.safetensors"
    load_weights(model, _tensors(file), str(file))


def _tensors(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise _damaged(file, error) from error


def load_weights(model: Model, weights: Mapping[str, Tensor], source: str) -> None:
    """Copy weights and codebooks into the model.

    Args:
        model: The model.
        weights: Every tensor of its state dict.
        source: Where the weights were read from, for the error message.

    Raises:
        CodaarError: The weights belong to another model.
    """
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise CodaarError(f"{source} does not fit this model: {reason}") from error


def load_training(path: Path, model: Model, optimizer: torch.optim.Optimizer) -> tuple[int, dict[str, Tensor]]:
    """Load the model and all optimizers from the checkpoint ``path``.

    Returns:
        The number of steps done, and the ``extra_state`` that was saved.

    Raises:
        CodaarError: A file is damaged, was written by a newer codaar-core, or belongs to another model.
    """
    step = int(_read_state(path)["step"])
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
        loss_optimizer = cast(Loss, loss).optimizer
        if loss_optimizer is not None:
            yield f"{name}/", loss_optimizer


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
    """Detach tensors and make them contiguous, as safetensors requires."""
    return {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
