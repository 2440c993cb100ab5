"""Reader of published weights: a file of named tensors -> a module."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from codaar_core.api.errors import DataError
from codaar_core.nn.torch_file import load_safetensors, load_torch_file, refuse_odd_tensors


def load_published(module: nn.Module, path: Path, get_it: str, unused: tuple[str, ...] = ()) -> None:
    """Load a file of named tensors into a module with the same names; no code in the file is executed.

    Args:
        module: Its weights are replaced.
        path: A state dict that ``torch.save`` wrote, or a ``.safetensors`` file.
        get_it: Where the file comes from; it is the help of every error.
        unused: Beginnings of the names of tensors in the file that the module does not have.

    Raises:
        DataError: The file is missing, contains more than tensors, or has other names or shapes than the module.
    """
    found = {name: value for name, value in _read(path, get_it).items() if not name.startswith(unused)}
    expected = module.state_dict()
    for what, names in (("lacks", expected.keys() - found.keys()), ("has unknown", found.keys() - expected.keys())):
        if names:
            more = f" and {len(names) - 1} more tensors" if len(names) > 1 else ""
            raise DataError(f"{path} {what} {min(names)}{more}", get_it)
    for name, value in expected.items():
        if found[name].shape != value.shape:
            shapes = f"{tuple(found[name].shape)}, not {tuple(value.shape)}"
            raise DataError(f"{path}: {name} has the shape {shapes}", get_it)
    module.load_state_dict(found)


def _read(path: Path, get_it: str) -> Mapping[str, Tensor]:
    if not path.exists():
        raise DataError(f"the file of weights {path} does not exist", get_it)
    try:
        found = load_safetensors(path) if path.suffix == ".safetensors" else load_torch_file(path)
    except DataError as error:
        raise DataError(error.message, get_it) from error
    except (ValueError, pickle.UnpicklingError) as error:
        told = str(error).partition("\n")[0][:120]
        raise DataError(f"{path} cannot be read as a file of tensors only: {told}", get_it) from error
    if not isinstance(found, Mapping):
        raise DataError(f"{path} contains more than named tensors", get_it)
    try:
        refuse_odd_tensors(found)
    except ValueError as error:
        raise DataError(f"{path} contains more than named tensors: {error}", get_it) from error
    return found
