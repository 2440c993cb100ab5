"""Pickled arrays of strangers: numpy arrays and nothing else, whichever numpy and protocol wrote them."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from codaar_core.api.errors import DataError

_HOMES = ("numpy.core", "numpy._core")  # of numpy 1 and of numpy 2
_rebuild: Any = np.empty(0).__reduce__()[0]
_from_buffer: Any = np.empty(0).__reduce_ex__(5)[0]
_scalar = np.float32(0).__reduce__()[0]
_ARRAY = object()  # for numpy.ndarray, which pickles name and never call: called, it takes any bytes for objects


class ForbiddenGlobal(Exception):
    """A pickle asks for something that no array needs."""


def load_array(content: bytes, name: str) -> np.ndarray:
    """Read one pickled array; protocols 0 to 5, written under numpy 1 or 2. No code of the file is run.

    Args:
        content: The pickle.
        name: The file it comes from, for messages.

    Raises:
        DataError: It asks for anything but arrays, is damaged, or holds no array of numbers.
    """
    try:
        value = _ArrayUnpickler(io.BytesIO(content)).load()
    except ForbiddenGlobal as error:
        help = "features are plain numpy arrays; do not open this file unless you trust where it comes from"
        raise DataError(f"{name}: the pickle asks for {error}, which was refused", help) from None
    except Exception as error:  # a damaged pickle may fail in any way
        told = " ".join(f"{type(error).__name__}: {error}".split())
        raise DataError(f"{name}: the pickle is damaged ({told})", "fetch this file once more") from error
    if not isinstance(value, (np.ndarray, np.generic)) or np.asarray(value).dtype.kind not in "fiub":
        raise DataError(f"{name}: expected a pickled array of numbers, it holds {_described(value)}")
    return np.asarray(value)


class _ArrayUnpickler(pickle.Unpickler):
    """Knows the few globals that arrays are pickled by."""

    def find_class(self, module: str, name: str) -> Any:
        """Give one of them; a function of numpy is wrapped anew, for a pickle may set attributes of what it gets."""
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
        """Protocol 2 has no bytes: it writes them as Latin-1."""
        if encoding != "latin1":
            raise ForbiddenGlobal(f"_codecs.encode to {encoding!r}")
        return content.encode("latin1")

    return encode


def _described(value: object) -> str:
    return f"an array of {value.dtype}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
