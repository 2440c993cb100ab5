"""The conformance kit: one line in the tests of a plug-in checks every component that the plug-in offers.

Names are listed in ``__init__.pyi`` and imported on first use: pytest loads the kit's pytest plug-in in every session,
and torch must not be imported then.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
