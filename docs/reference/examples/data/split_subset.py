"""SplitSubset"""

from codaar_core.api import Space
from codaar_core.features import RandomSplit, SplitSubset

split = RandomSplit({"audio": Space((128,), 10)}, clips=5, seed=0)
subset = SplitSubset(split, kept=[4, 0])
assert len(subset) == 2
assert (subset[[1]].inputs["audio"].values == split[[0]].inputs["audio"].values).all()
