"""Space"""

from codaar_core.api import Space

maps = Space((7, 7, 512), length=10)
assert maps.width == 512
