"""Checkpoint files of the released code: a dictionary of state dicts."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import torch
from torch import Tensor

from codaar_core.api import CodaarError, DataError
from codaar_core.nn import load_torch_file, refuse_odd_tensors
from codaar_plugin_released.layout import COLUMNS

MOST_EPOCHS = 1_000_000
MODULES = ("Text_ar_lstm", "Encoder", "CPC", "Decoder")


@attrs.frozen
class Checkpoint:
    """Content of one file.

    Attributes:
        tensors: By ``module/name``.
        epoch: Number of the last finished pass over the data, from 0.
    """

    tensors: Mapping[str, Tensor]
    epoch: int

    @property
    def modalities(self) -> tuple[str, ...]:
        """Modalities in the order of the columns of the codebook matrix."""
        return COLUMNS if any(name.startswith("Text_ar_lstm/") for name in self.tensors) else COLUMNS[:2]


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a file of tensors and numbers; a pickle that would run code is refused.

    Raises:
        CodaarError: The file cannot be read, is damaged, would run code, or is not a checkpoint of the released code.
    """
    content = _load(path)
    modules = [module for module in MODULES if isinstance(_entry(content, f"{module}_parameters"), Mapping)]
    if not {"Encoder", "CPC", "Decoder"} <= set(modules):
        raise CodaarError(
            f"{path} is not a checkpoint of the released pretraining: it lacks Encoder, CPC or Decoder parameters",
            "name a file CoDAAR-model-AV-N.pt or CoDAAR-model-AVT-N.pt",
        )
    tensors = {f"{module}/{name}": t for module in modules for name, t in content[f"{module}_parameters"].items()}
    try:
        refuse_odd_tensors(tensors, path.stat().st_size)
    except ValueError as error:
        raise CodaarError(f"{path}: {error}", "name a file that the released code wrote") from error
    return Checkpoint(tensors, _epoch(path, content))


def _epoch(path: Path, content: Any) -> int:
    """Number of the last finished pass; 0 if the file states none."""
    epoch = _entry(content, "epoch")
    if epoch is None:
        return 0
    if type(epoch) is not int or not 0 <= epoch <= MOST_EPOCHS:
        raise CodaarError(
            f"{path}: its epoch is {str(epoch)[:40]}, expected a number from 0 to {MOST_EPOCHS:,}",
            "name a file that the released code wrote",
        )
    return epoch


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a file that the released downstream scripts read; it has no optimizer state.

    Raises:
        CodaarError: The file exists, or cannot be written.
    """
    if path.exists():
        raise CodaarError(f"{path} already exists", "name another file")
    content: dict[str, Any] = {"epoch": checkpoint.epoch, "total_step": 0}
    for name, tensor in checkpoint.tensors.items():
        module, _, key = name.partition("/")
        content.setdefault(f"{module}_parameters", {})[key] = tensor.detach().cpu().contiguous()
    try:
        torch.save(content, path)
    except (OSError, RuntimeError) as error:
        raise CodaarError(f"cannot write {path}: {error}", "check the folder and the free disk space") from error


def _load(path: Path) -> Any:
    try:
        return load_torch_file(path)
    except DataError as error:
        raise CodaarError(f"cannot read {path}: {error.message}", "check the path") from error
    except pickle.UnpicklingError as error:
        reason = next((line for line in str(error).splitlines() if "GLOBAL" in line or "Unsupported" in line), "")
        raise CodaarError(
            f"{path} contains more than tensors and numbers and was not loaded: {reason.strip()[:200]}",
            "loading it could run code; ask its author for a file with weights only",
        ) from error
    except ValueError as error:
        raise CodaarError(f"{path} is damaged or not a torch file", "download it again and compare its size") from error


def _entry(content: Any, key: str) -> Any:
    return content.get(key) if isinstance(content, Mapping) else None
