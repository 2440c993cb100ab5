"""RandomSplit"""

from codaar_core.api import Space
from codaar_core.features import RandomSplit

split = RandomSplit({"video": Space((7, 7, 512), 10)}, clips=1000, seed=0)
assert len(split) == 1000
assert split[[0, 999]].inputs["video"].values.shape == (2, 10, 7, 7, 512)
