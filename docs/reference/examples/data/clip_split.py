"""ClipSplit, Inventory, Track, FileTrack, RowTrack"""

from pathlib import Path

import numpy as np

from codaar_core.api import Space
from codaar_core.features import ClipSplit, FileTrack, Inventory, RowTrack, Track

ids = ["dog", "rain"]
for name in ids:
    np.save(f"{name}.npy", np.random.default_rng(0).random((10, 128), np.float32))

sound: Track = FileTrack(Path(), ids, Space((128,), 10), suffix=".npy")
label: Track = RowTrack(table=np.arange(5), rows=np.array([4, 2]))
split = ClipSplit(ids, {"audio": sound}, targets={"audio": label})
batch = split[[1, 0]]
assert batch.inputs["audio"].values.shape == (2, 10, 128)
assert batch.targets["audio"].tolist() == [2, 4]

inventory: Inventory = split.inventory()
assert inventory.lines == ["audio: 2 of 2 clips are there"]
