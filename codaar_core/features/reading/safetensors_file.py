"""Reads tensors from .safetensors files of strangers; the header is checked against the size of the file."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from codaar_core.api.errors import DataError
from codaar_core.api.regular_file import open_regular, too_large

MOST_HEADER = 100_000_000  # bytes, the bound of the format
SIZE = 8  # bytes of the length of the header
METADATA = "__metadata__"
TYPES = {
    **{f"F{bits}": f"<f{bits // 8}" for bits in (16, 32, 64)},
    **{f"I{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
    "BOOL": "|b1",
    "BF16": "<u2",
}
AGAIN = "write this file again"


@attrs.frozen
class Tensor:
    """Type, shape and place of one tensor."""

    type: str
    shape: tuple[int, ...]
    start: int  # in the file
    size: int  # bytes


def safetensors_index(path: Path) -> Mapping[str, Tensor]:
    """Read the header: all tensors by name.

    Raises:
        DataError: The file is missing or damaged, or a tensor reaches beyond its end.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(SIZE), "little")
        if not 0 < length <= min(MOST_HEADER, size - SIZE):
            raise DataError(f"{path} is no .safetensors file: its header would have {length:,} bytes", AGAIN)
        written = file.read(length)
    try:
        header = json.loads(written)
        entries = {name: entry for name, entry in header.items() if name != METADATA}
        return {name: _tensor(entry, SIZE + length, size) for name, entry in entries.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        told = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"{path} is no .safetensors file: {told}", AGAIN) from error


def _tensor(entry: Mapping[str, Any], start: int, end: int) -> Tensor:
    kind, shape, (first, last) = entry["dtype"], entry["shape"], entry["data_offsets"]
    if kind not in TYPES:
        raise ValueError(f"tensors of type {str(kind)[:20]} are not read")
    if not all(type(size) is int and size >= 0 for size in (*shape, first, last)) or first > last:
        raise ValueError("a shape or an offset is no size")
    size = math.prod(shape) * np.dtype(TYPES[kind]).itemsize
    if size != last - first or start + last > end:
        raise ValueError(f"{last - first:,} bytes for the shape {tuple(shape)} of {kind}")
    return Tensor(kind, tuple(shape), start + first, size)


def read_tensor(path: Path, name: str, tensor: Tensor, most: int) -> np.ndarray:
    """Read one tensor of at most ``most`` bytes; bfloat16 becomes float32.

    Raises:
        DataError: It is larger, or the file has become shorter.
    """
    if tensor.size > most:
        raise too_large(f"{path}: {name[:80]!r}", most)
    with open_regular(path) as file:
        file.seek(tensor.start)
        content = bytearray(file.read(tensor.size))
    if len(content) != tensor.size:
        raise DataError(f"{path}: {name[:80]!r} ends early", AGAIN)
    values = np.frombuffer(content, TYPES[tensor.type]).reshape(tensor.shape)
    if tensor.type == "BF16":
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values
