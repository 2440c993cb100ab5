"""Reads arrays in the format of ``numpy.save`` from files of strangers: no code is executed, sizes are checked."""

from __future__ import annotations

import io
import math

import numpy as np

HEADER = 1 << 16  # bytes that are enough for the header of an array of numbers


def npy_array(content: bytes) -> np.ndarray:
    """The array of a file in version 1 or 2 of the format; version 3 is for arrays with fields.

    Raises:
        ValueError: The content is damaged or has no numbers. The header is evaluated by numpy, which may raise other
            exceptions too.
    """
    file = io.BytesIO(content)
    shape, fortran, dtype = _header(file)
    start, count = file.tell(), math.prod(shape)
    if count * dtype.itemsize > len(content) - start:
        raise ValueError(f"the shape {shape} of {dtype} needs more than its {len(content) - start:,} bytes")
    flat = np.frombuffer(bytearray(content), dtype, count, start) if count else np.empty(0, dtype)
    return flat.astype(dtype.newbyteorder("="), copy=False).reshape(shape, order="F" if fortran else "C")


def npy_shape(beginning: bytes) -> tuple[int, ...]:
    """The shape that the header states; ``beginning`` has the first ``HEADER`` bytes of the file, or all of them.

    Raises:
        ValueError: As ``npy_array``.
    """
    return _header(io.BytesIO(beginning))[0]


def _header(file: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether the order is that of Fortran, and type."""
    version = np.lib.format.read_magic(file)
    headers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in headers:
        raise ValueError(f"format version {version[0]}.{version[1]}")
    shape, fortran, dtype = headers[version](file)
    if dtype.kind not in "fiub":
        raise ValueError(f"it has values of type {dtype}")
    if not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError("its shape has negative sizes")
    return shape, fortran, dtype
