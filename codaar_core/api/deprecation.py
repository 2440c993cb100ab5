"""Old names that keep working for one minor version, with a warning that says the new one."""

from __future__ import annotations

import warnings
from typing import Any


def warn_renamed(old: str, new: str, stacklevel: int = 3) -> None:
    """Warn that ``old`` is called ``new`` now."""
    warnings.warn(f"{old} is deprecated and will be removed in 0.3: use {new}", DeprecationWarning, stacklevel)


def renamed(old: str, new: str) -> Any:
    """Make a property that stands under the old name of an attribute and gives the new one."""

    def read(self: Any) -> Any:
        warn_renamed(f"{type(self).__name__}.{old}", new)
        return getattr(self, new)

    return property(read, doc=f"Deprecated: use ``{new}``.")
