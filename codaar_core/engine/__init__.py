"""From a checked plan to a finished run directory: build, pretrain, evaluate transfers, record.

Names are listed in ``__init__.pyi`` and imported on first use, because most of them need torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
