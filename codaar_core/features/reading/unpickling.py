"""Safe reading of pickled numpy arrays from untrusted files, for any numpy version and pickle protocol.

The unpickler gives a pickle stand-ins for the functions and classes of numpy. They only store their arguments; the
array is made afterwards, from a numeric dtype, a shape and as many bytes as both need. No numpy function is called with
arguments of the file before they are checked.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
from typing import Any

import attrs
import numpy as np

from codaar_core.api.errors import DataError

MOST_STEPS = 10_000  # opcodes of a pickle; an array has about forty
_HOMES = ("numpy.core", "numpy._core")  # module of the array functions in numpy 1 and numpy 2
_NUMERIC = re.compile(r"[fiub]\d{1,2}")


class ForbiddenGlobal(Exception):
    """A pickle asks for a global that no array needs."""


class NotNumeric(Exception):
    """A pickle contains an array of another type than numbers."""


def load_array(content: bytes, name: str) -> np.ndarray:
    """Read one pickled array; protocols 0 to 5, written under numpy 1 or 2. No code from the file is executed.

    Args:
        content: The pickle.
        name: Name of the file for messages.

    Raises:
        DataError: The pickle asks for anything but arrays, is damaged, or contains no array of numbers.
    """
    try:
        _check_opcodes(content)
        value = _ArrayUnpickler(content).load()
        array = value.array() if isinstance(value, _Array) else None
    except ForbiddenGlobal as error:
        help = "features are plain numpy arrays; do not open this file unless you trust its source"
        raise DataError(f"{name}: the pickle asks for {error}, which was refused", help) from None
    except NotNumeric as error:
        raise DataError(f"{name}: expected a pickled array of numbers, found {error}") from None
    except Exception as error:  # a damaged pickle may raise any exception
        told = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise DataError(f"{name}: the pickle is damaged ({told})", "fetch this file again") from error
    if array is None:
        raise DataError(f"{name}: expected a pickled array of numbers, found a {type(value).__name__.strip('_')}")
    return array


def _check_opcodes(content: bytes) -> None:
    """Refuse what makes the unpickler allocate more memory than the pickle has bytes.

    ``genops`` reads every argument, so that stated lengths are those of real content.
    """
    for step, (opcode, argument, _) in enumerate(pickletools.genops(content)):
        if step >= MOST_STEPS:
            raise ValueError(f"more than {MOST_STEPS:,} steps, which no array has")
        if opcode.name.endswith("PUT") and not 0 <= int(argument or 0) <= MOST_STEPS:
            raise ValueError(f"memo index {argument}")  # the memo is a table as long as the largest index


class _ArrayUnpickler(pickle.Unpickler):
    """An unpickler that resolves only the globals of pickled arrays."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content))
        self._allowed = _stand_ins(len(content))

    def find_class(self, module: str, name: str) -> Any:
        """Resolve an allowed global to its stand-in."""
        found = self._allowed.get((module, name))
        if found is None:
            raise ForbiddenGlobal(f"{module}.{name}"[:200])
        return found


class _StandIn:
    """Base of what a pickle gets; a pickle cannot change it by setting its state."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError(f"the state of {type(self).__name__.strip('_')} may not be set")


class _NdarrayClass(_StandIn):
    """Stands for ``numpy.ndarray``: pickles pass it on and do not call it."""

    __slots__ = ()


class _Type(_StandIn):
    """Stands for ``numpy.dtype``; refuses all types but numbers and booleans."""

    __slots__ = ("_dtype",)

    def __init__(self, code: str, align: bool = False, copy: bool = True) -> None:
        if not isinstance(code, str) or not _NUMERIC.fullmatch(code):
            raise NotNumeric(f"an array of {code if isinstance(code, str) else type(code).__name__}"[:80])
        self._dtype = np.dtype(code)

    def __setstate__(self, state: object) -> None:
        """Set the byte order, the only part of the state that numeric types have."""
        if not isinstance(state, tuple) or len(state) < 5 or state[2:5] != (None, None, None):
            raise pickle.UnpicklingError("the type has fields")
        if state[1] not in ("<", ">", "=", "|"):
            raise pickle.UnpicklingError("unknown byte order")
        self._dtype = self._dtype.newbyteorder(state[1])

    def dtype(self) -> np.dtype:
        return self._dtype


class _Array(_StandIn):
    """An array that is made when all its parts are known."""

    __slots__ = ("_parts",)

    def __init__(self, parts: _Parts | None = None) -> None:
        self._parts = parts

    def __setstate__(self, state: object) -> None:
        """Set version, shape, dtype, order and content, as in the state of an array."""
        if not isinstance(state, tuple) or len(state) != 5:
            raise pickle.UnpicklingError("the state is not that of an array")
        _, shape, dtype, fortran, content = state
        self._parts = _Parts(dtype, shape, content, "F" if fortran else "C")

    def array(self) -> np.ndarray:
        if self._parts is None:
            raise pickle.UnpicklingError("an array without content")
        return self._parts.array()


@attrs.frozen
class _Parts:
    type: Any
    shape: Any
    content: Any
    order: Any = "C"
    axes: Any = None

    def array(self) -> np.ndarray:
        """Make the array; content and shape must agree.

        Raises:
            UnpicklingError: A part is of another type, or their sizes contradict each other.
        """
        if not isinstance(self.type, _Type):
            raise pickle.UnpicklingError("the type of the array is none of numpy")
        dtype, shape = self.type.dtype(), _checked_shape(self.shape)
        if not isinstance(self.content, (bytes, bytearray)):
            raise pickle.UnpicklingError(f"the content is a {type(self.content).__name__}, not bytes")
        if math.prod(shape) * dtype.itemsize != len(self.content):
            raise pickle.UnpicklingError(f"{len(self.content):,} bytes do not give {shape} of {dtype}"[:150])
        stored = np.frombuffer(bytearray(self.content), dtype) if self.content else np.empty(0, dtype)
        flat = stored.astype(dtype.newbyteorder("="), copy=False)
        if self.order == "K" and self.axes is not None:
            return flat.reshape(shape).transpose(_checked_shape(self.axes))
        if self.order not in ("C", "F"):
            raise pickle.UnpicklingError("unknown order of axes")
        return flat.reshape(shape, order=self.order)


def _checked_shape(shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, tuple) or len(shape) > 32 or not all(type(size) is int and size >= 0 for size in shape):
        raise pickle.UnpicklingError("the shape is no tuple of sizes")
    return shape


class _Reconstruct(_StandIn):
    """Stands for ``_reconstruct(ndarray, (0,), b"b")``."""

    __slots__ = ()

    def __call__(self, of: object, shape: object, code: object) -> _Array:
        return _Array()


class _Scalar(_StandIn):
    """Stands for ``scalar(dtype, content)``."""

    __slots__ = ()

    def __call__(self, dtype: object, content: object) -> _Array:
        return _Array(_Parts(dtype, (), content))


class _FromBuffer(_StandIn):
    """Stands for ``_frombuffer(content, dtype, shape, order, axes)`` of protocol 5."""

    __slots__ = ()

    def __call__(self, content: object, dtype: object, shape: object, order: object, axes: object = None) -> _Array:
        return _Array(_Parts(dtype, shape, content, order, axes))


class _NoBytes(_StandIn):
    """Stands for ``bytes()``: protocol 2 of an array without elements."""

    __slots__ = ()

    def __call__(self) -> bytes:
        return b""


class _Encode(_StandIn):
    """Stands for ``_codecs.encode(string, "latin1")``: protocols 0 to 2 store bytes as strings."""

    __slots__ = ("_left",)

    def __init__(self, most: int) -> None:
        self._left = most

    def __call__(self, string: str, encoding: str) -> bytes:
        if encoding != "latin1":
            raise ForbiddenGlobal(f"_codecs.encode to {encoding!r}")
        self._left -= len(string)
        if self._left < 0:  # the same string over and over
            raise pickle.UnpicklingError("more content than the file has")
        return string.encode("latin1")


def _stand_ins(size: int) -> dict[tuple[str, str], Any]:
    shared: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): _NdarrayClass(),
        ("numpy", "dtype"): _Type,
        ("_codecs", "encode"): _Encode(size),
        ("__builtin__", "bytes"): _NoBytes(),
    }
    for home in _HOMES:
        shared[f"{home}.multiarray", "_reconstruct"] = _Reconstruct()
        shared[f"{home}.multiarray", "scalar"] = _Scalar()
        shared[f"{home}.numeric", "_frombuffer"] = _FromBuffer()
    return shared
