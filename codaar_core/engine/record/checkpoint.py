"""Checkpoints: tensors as safetensors and the rest as JSON, so that loading one executes no code.

The checkpoint ``step-N`` is the commit of an epoch: it contains the tensors, the values of all finished epochs, which
``best-N`` is the best and checksums. A resumed run makes every other file of its directory agree with it.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from codaar_core.api import CodaarError, Loss
from codaar_core.engine.assembly.model import Model
from codaar_core.engine.record.checkpoint_state import (
    BEST,
    STATE,
    CheckpointState,
    damaged,
    read_state,
    verify,
    write_state,
)
from codaar_core.features.files import writing, written_aside

STEP = "step-"
EXTRA_STATE = "besides/"  # prefix of tensors that belong neither to the model nor to an optimizer


def save_checkpoint(
    folder: Path,
    state: CheckpointState,
    model: Model,
    optimizer: torch.optim.Optimizer,
    extra_state: Mapping[str, Tensor] = MappingProxyType({}),
    keep: int = 2,
) -> Path:
    """Write the checkpoint ``step-N`` and remove what it replaces: see ``remove_replaced``.

    States of random generators are not saved: the random draws of a step depend only on the seed and the step number.
    For the same reason an intact ``step-N`` with this state has the same tensors already, and is left in place.

    Args:
        folder: Folder of the checkpoints.
        state: Step, finished epochs and best checkpoint.
        model: The model.
        optimizer: Its optimizer; those of losses are saved too.
        extra_state: Further tensors to save.
        keep: Number of checkpoints to keep.

    Returns:
        The folder of the checkpoint.

    Raises:
        CodaarError: The disk is full or not writable; earlier checkpoints remain.
    """
    final = folder / f"{STEP}{state.step}"
    if not _has(final, state):
        _write(final, state, model, optimizer, extra_state)
    remove_replaced(folder, state, keep)
    return final


def save_best(
    folder: Path,
    state: CheckpointState,
    model: Model,
    optimizer: torch.optim.Optimizer,
    extra_state: Mapping[str, Tensor],
) -> None:
    """Write the checkpoint ``best-N``. The previous one remains until a ``step-N`` names the new one.

    The arguments are those of ``save_checkpoint``.

    Raises:
        CodaarError: The disk is full or not writable; the previous one remains.
    """
    _write(folder / f"{BEST}{state.step}", state, model, optimizer, extra_state)


def remove_replaced(folder: Path, state: CheckpointState, keep: int) -> None:
    """Remove what the checkpoint with ``state`` replaces, and what interrupted writes left.

    These are all but the newest ``keep`` checkpoints up to that step, and every ``best-N`` that it does not name.
    """
    for partial in folder.glob(".*.partial"):
        shutil.rmtree(partial, ignore_errors=True)
    earlier = [path for path in _step_folders(folder) if step_of(path) <= state.step]
    best = None if state.best is None else f"{BEST}{state.best.step}"
    for path in (*earlier[:-keep], *(path for path in folder.glob(f"{BEST}*") if path.name != best)):
        _remove(path)


def _remove(path: Path) -> None:
    """Remove a checkpoint; renamed first, so that a process killed meanwhile leaves no incomplete one."""
    aside = path.with_name(f".{path.name}.partial")
    with suppress(OSError):  # it takes room, but harms nothing
        path.rename(aside)
        shutil.rmtree(aside)


def _has(path: Path, state: CheckpointState) -> bool:
    """Whether ``path`` is an intact checkpoint with this state."""
    try:
        return path.is_dir() and problem_of(path) is None and read_state(path) == state
    except CodaarError:
        return False


def best_checkpoint(folder: Path) -> Path | None:
    """Return the ``best-N`` that the newest checkpoint names, or None.

    Raises:
        CodaarError: state.json of the newest checkpoint is damaged.
    """
    complete = complete_checkpoints(folder)
    best = read_state(complete[-1]).best if complete else None
    path = folder / f"{BEST}{best.step}" if best else None
    return path if path is not None and path.is_dir() else None


def _write(
    final: Path,
    state: CheckpointState,
    model: Model,
    optimizer: torch.optim.Optimizer,
    extra_state: Mapping[str, Tensor],
) -> None:
    """Write a checkpoint to a temporary folder, flush it to disk and rename it."""
    with writing(final.parent):
        final.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(final, "make room and resume the run") as aside:
        aside.mkdir()
        _save(_contiguous(model.state_dict()), aside / "model.safetensors")
        _save(_contiguous(dict(_training_tensors(model, optimizer, extra_state))), aside / "train.safetensors")
        write_state(aside, state)


def _save(tensors: Mapping[str, Tensor], path: Path) -> None:
    try:
        save_file(dict(tensors), path)
    except SafetensorError as error:  # safetensors reports a full disk this way
        raise OSError(str(error)) from error


def step_of(path: Path) -> int:
    """Return N of ``step-N``."""
    return int(path.name.removeprefix(STEP))


def _step_folders(folder: Path) -> list[Path]:
    """Return the folders ``step-N``, oldest first."""
    found = [path for path in folder.glob(f"{STEP}*") if path.name.removeprefix(STEP).isdecimal()]
    return sorted(found, key=step_of)


def complete_checkpoints(folder: Path) -> list[Path]:
    """Return the complete ``step-N`` checkpoints in ``folder``, oldest first."""
    return [path for path in _step_folders(folder) if (path / STATE).is_file()]


def newest_checkpoint(folder: Path) -> Path:
    """Return the newest complete ``step-N`` checkpoint; its checksums are not compared.

    Raises:
        CodaarError: There is none.
    """
    found = complete_checkpoints(folder)
    if not found:
        raise CodaarError(f"no checkpoint in {folder}", "start a new run, without --resume")
    return found[-1]


def intact_checkpoint(folder: Path) -> Path | None:
    """Return the newest ``step-N`` whose files match their checksums, or None; warns of each newer, damaged one."""
    for path in reversed(_step_folders(folder)):
        problem = problem_of(path)
        if problem is None:
            return path
        warnings.warn(f"{problem.message}; the checkpoint before it is used", stacklevel=2)
    return None


def problem_of(path: Path) -> CodaarError | None:
    """Return why a checkpoint cannot be resumed from, or None if it is intact."""
    try:
        verify(path)
        read_state(path)
    except CodaarError as error:
        return error
    return None


def load_model(path: Path, model: Model) -> None:
    """Load weights and codebooks of the checkpoint ``path``.

    Raises:
        CodaarError: The file is damaged or belongs to another model.
    """
    file = path / "model.safetensors"
    load_weights(model, read_weights(file), str(file))


def read_weights(file: Path) -> dict[str, Tensor]:
    """Read all tensors of a safetensors file.

    Raises:
        CodaarError: It is missing or damaged.
    """
    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise damaged(file, f"cannot be read: {error}") from error


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
    step = read_state(path).step
    load_model(path, model)
    tensors = read_weights(path / "train.safetensors")
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
