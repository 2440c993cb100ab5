"""The public interface for plug-in authors: the contract of each kind of component, and the records they exchange.

Names are listed in ``__init__.pyi`` and imported on first use, so listing, help and recipe errors never import torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
