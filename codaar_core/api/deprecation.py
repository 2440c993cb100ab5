"""Former names, which keep working for one minor version with a DeprecationWarning that states the new name."""

from __future__ import annotations

import warnings
from typing import Any


def warn_renamed(old: str, new: str, stacklevel: int = 3) -> None:
    """Emit the DeprecationWarning of a renamed object.

    Args:
        old: Former name.
        new: New name.
        stacklevel: As in ``warnings.warn``; 3 reports the caller of the function that calls this one.
    """
    warnings.warn(f"{old} is deprecated and will be removed in 0.3: use {new}", DeprecationWarning, stacklevel)


def renamed(old: str, new: str) -> Any:
    """Return a property for the former name ``old`` of the attribute ``new``."""

    def read(self: Any) -> Any:
        warn_renamed(f"{type(self).__name__}.{old}", new)
        return getattr(self, new)

    return property(read, doc=f"Deprecated: use ``{new}``.")


def adopt_former_name(cls: type, old: str, new: str) -> None:
    """If the body of ``cls`` defines ``old`` but not ``new``, warn and define ``new`` with the same value.

    Call this from ``__init_subclass__`` of the base class whose attribute was renamed.
    """
    if old in vars(cls) and new not in vars(cls):
        warn_renamed(f"{cls.__name__}.{old}", new, stacklevel=4)
        setattr(cls, new, vars(cls)[old])
