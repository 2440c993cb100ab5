"""CoDAAR: a plug-in framework for cross-modal discrete representation learning.

Every verb of the command line is one function here. Names are listed in ``__init__.pyi`` and imported on first use, so
``import codaar_core`` imports nothing heavy.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.1.0"
