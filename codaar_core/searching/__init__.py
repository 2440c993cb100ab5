"""``codaar search``: clips whose codes resemble those of a query, in files of ``codaar encode``.

``command`` checks the call; ``query`` reads the query; ``vectors`` and ``ranking`` compare averaged codewords, and
``faiss`` does with the library of that name; ``recall`` scores them; ``positions`` and ``runs`` find where codewords
occur.

Names are listed in ``__init__.pyi`` and imported on first use, because most of them need torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
