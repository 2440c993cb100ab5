"""The tables and the self-contained HTML report of a finished run, computed from its results.json alone.

Names are listed in ``__init__.pyi`` and imported on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
