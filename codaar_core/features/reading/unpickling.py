"""Safe reading of pickled numpy arrays from untrusted files, for any numpy version and pickle protocol."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from codaar_core.api.errors import DataError

_HOMES = ("numpy.core", "numpy._core")  # module of the array functions in numpy 1 and numpy 2
_rebuild: Any = np.empty(0).__reduce__()[0]
_from_buffer: Any = np.empty(0).__reduce_ex__(5)[0]
_scalar = np.float32(0).__reduce__()[0]
_ARRAY = object()  # stands for numpy.ndarray: pickles pass it on; calling it could turn any bytes into objects


class ForbiddenGlobal(Exception):
    """A pickle asks for a global that no array needs."""


def load_array(content: bytes, name: str) -> np.ndarray:
    """Read one pickled array; protocols 0 to 5, written under numpy 1 or 2. No code from the file is executed.

    Args:
        content: The pickle.
        name: Name of the file for messages.

    Raises:
        DataError: The pickle asks for anything but arrays, is damaged, or contains no array of numbers.
    """
    try:
        value = _ArrayUnpickler(io.BytesIO(content)).load()
    except ForbiddenGlobal as error:
        help = "features are plain numpy arrays; do not open this file unless you trust its source"
        raise DataError(f"{name}: the pickle asks for {error}, which was refused", help) from None
    except Exception as error:  # a damaged pickle may raise any exception
        told = " ".join(f"{type(error).__name__}: {error}".split())
        raise DataError(f"{name}: the pickle is damaged ({told})", "fetch this file again") from error
    if not isinstance(value, (np.ndarray, np.generic)) or np.asarray(value).dtype.kind not in "fiub":
        raise DataError(f"{name}: expected a pickled array of numbers, found {_described(value)}")
    return np.asarray(value)


class _ArrayUnpickler(pickle.Unpickler):
    """An unpickler that resolves only the globals of pickled arrays."""

    def find_class(self, module: str, name: str) -> Any:
        """Resolve an allowed global; numpy functions are wrapped, as a pickle may set attributes on what it gets."""
        found = _allowed().get((module, name))
        if found is None:
            raise ForbiddenGlobal(f"{module}.{name}")
        return found


def _allowed() -> dict[tuple[str, str], Any]:
    shared: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): _ARRAY,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): _as_latin1(),
    }
    shared["__builtin__", "bytes"] = lambda: b""  # protocol 2 of an array without elements
    for home in _HOMES:
        shared[f"{home}.multiarray", "_reconstruct"] = lambda _, *arguments: _rebuild(np.ndarray, *arguments)
        shared[f"{home}.multiarray", "scalar"] = _scalar
        shared[f"{home}.numeric", "_frombuffer"] = lambda *arguments: _from_buffer(*arguments)
    return shared


def _as_latin1() -> Callable[[str, str], bytes]:
    def encode(content: str, encoding: str) -> bytes:
        """Protocol 2 has no bytes type and stores them as Latin-1 text."""
        if encoding != "latin1":
            raise ForbiddenGlobal(f"_codecs.encode to {encoding!r}")
        return content.encode("latin1")

    return encode


def _described(value: object) -> str:
    return f"an array of {value.dtype}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
