"""For data plug-ins: readers of downloaded feature files and annotation tables, splits of files, and packed splits.

Names are listed in ``__init__.pyi`` and imported on first use, because most of them need torch.
"""

import lazy_loader

from codaar_core.api.deprecation import warn_renamed

_find, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
_RENAMED = {"Finding": "FileDefect", "Findings": "FileDefects"}


def __getattr__(name: str) -> object:
    if name in _RENAMED:
        warn_renamed(f"{__name__}.{name}", f"{__name__}.{_RENAMED[name]}")
        return _find(_RENAMED[name])
    return _find(name)
