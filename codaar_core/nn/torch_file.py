"""Reads files of tensors from untrusted sources: no code is executed, and sizes are those that the file really has."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from codaar_core.api.errors import DataError
from codaar_core.api.regular_file import refuse_special_file


def load_torch_file(path: Path) -> Any:
    """Read a file that ``torch.save`` wrote, in its zip or its older format: tensors, numbers, strings, containers.

    Raises:
        DataError: The file is missing, not readable or no regular file.
        UnpicklingError: It contains anything else, for which code would have to run.
        ValueError: It is damaged, or no such file.
    """
    refuse_special_file(path)
    try:
        _refuse_compressed(path)
        return torch.load(path, "cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # a damaged pickle may raise any exception
        raise ValueError(str(error).partition("\n")[0][:120] or type(error).__name__) from error


def load_safetensors(path: Path) -> Mapping[str, Tensor]:
    """Read a ``.safetensors`` file.

    Raises:
        DataError: The file is missing, not readable or no regular file.
        ValueError: It is damaged, or no such file.
    """
    from safetensors.torch import load_file

    refuse_special_file(path)
    try:
        return load_file(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # SafetensorError, or KeyError for an unknown type
        raise ValueError(str(error).partition("\n")[0][:120] or type(error).__name__) from error


def refuse_odd_tensors(tensors: Mapping[Any, Any], most: int | None = None) -> None:
    """Refuse values that are no plain tensors of real numbers.

    Args:
        tensors: By name, as read from a file.
        most: Largest number of bytes of a tensor, e.g. the size of the file, because a view can state any shape over
            few stored numbers; None where shapes are compared with those of a module.

    Raises:
        ValueError: It names the first odd tensor.
    """
    for name, tensor in tensors.items():
        if not isinstance(name, str) or type(tensor) not in (Tensor, nn.Parameter):
            raise ValueError(f"{str(name)[:100]} is not a tensor")
        if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized or tensor.is_complex():
            raise ValueError(f"{name[:100]} is not a plain tensor of real numbers")
        if most is not None and tensor.numel() * tensor.element_size() > most:
            raise ValueError(f"{name[:100]} needs more than {most:,} bytes")


def _refuse_compressed(path: Path) -> None:
    """Refuse a zip file whose members are compressed or overlap, which could unpack to any size.

    Raises:
        ValueError: The members are larger than the file; ``torch.save`` stores them as they are.
        BadZipFile: The file starts like a zip file and is damaged.
    """
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            return
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    if sum(member.file_size for member in members) > path.stat().st_size:
        raise ValueError("it is compressed, which files of torch.save are not")
