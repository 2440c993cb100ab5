"""The conformance kit: one line in a plug-in's tests checks every component that the plug-in offers.

Names are resolved on first use: pytest loads the kit's plug-in in every session, and torch only where it is needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codaar_core.testing.kit import Outcome, check_plugin
    from codaar_core.testing.parametrised import codaar_checks

_HOME = {"Outcome": "kit", "check_plugin": "kit", "codaar_checks": "parametrised"}

__all__ = ["Outcome", "check_plugin", "codaar_checks"]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
