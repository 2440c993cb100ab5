"""feature_file, absent_files

Which file holds the features of a clip: the released `ID.zip` or, where there is none, `ID.npy`, `.npz`, `.h5` or
`.safetensors`.
"""

from pathlib import Path

import numpy as np

from codaar_core.features import absent_files, feature_file

np.save("rain.npy", np.zeros((10, 128), np.float32))
assert feature_file(Path(), "rain") == Path("rain.npy")
assert absent_files(Path(), ["dog", "rain"]) == [Path("dog.zip")]
