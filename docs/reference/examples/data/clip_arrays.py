"""open_clip_arrays, ClipArrays

The arrays of many clips by name: a folder with one file a clip, a pattern with `*`, or one file with all of them.
"""

from pathlib import Path

import numpy as np

from codaar_core.features import ClipArrays, open_clip_arrays

dog, rain = np.ones((10, 128), np.float32), np.zeros((4, 128), np.float32)
np.savez("all.npz", dog=dog, rain=rain)
Path("each").mkdir()
np.save("each/dog.npy", dog)

arrays: ClipArrays = open_clip_arrays(Path("all.npz"))
assert list(arrays.entries) == ["dog", "rain"]
assert arrays.shape("rain") == (4, 128)  # only the header is read
assert np.array_equal(arrays.read("dog"), dog)
assert list(open_clip_arrays(Path("each/*.npy")).entries) == ["dog"]
