"""pack_split, Packed, PackedSplit, Header"""

from pathlib import Path

from codaar_core.api import Space
from codaar_core.features import Header, Packed, PackedSplit, RandomSplit, pack_split

split = RandomSplit({"audio": Space((128,), 10)}, clips=20, seed=0)
header = Header(origin="random numbers", licence="CC0-1.0", extraction={"audio": "none"})
packed: Packed = pack_split(split, Path("pretrain.h5"), header)
assert packed.clips == 20 and not packed.bad

clips = PackedSplit(Path("pretrain.h5"))
assert clips[[0, 5]].inputs["audio"].values.shape == (2, 10, 128)
assert clips.damaged() == []
