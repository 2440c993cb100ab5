"""Tools for data plug-ins: readers of public feature files, annotation tables, and packed feature stores.

Names are listed in ``__init__.pyi`` and imported on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
