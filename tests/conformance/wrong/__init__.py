"""For every check a component that breaks its rule, and words of the message that must come.

A file here is called as the file of ``codaar_core.testing.checks`` whose rules its components break.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from wrong.register import WRONG

__all__ = ["WRONG"]

for file in iter_modules(__path__):
    import_module(f"{__name__}.{file.name}")
