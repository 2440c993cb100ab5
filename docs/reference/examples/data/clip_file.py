"""read_array, read_h5, load_array, open_regular"""

import pickle
from pathlib import Path

import h5py
import numpy as np

from codaar_core.features import load_array, open_regular, read_array, read_h5

values = np.arange(6, dtype=np.float32).reshape(2, 3)
np.save("dog.npy", values)
with h5py.File("dog.h5", "w") as file:
    file["sound"] = values

assert np.array_equal(read_array(Path("dog.npy")), values)
assert np.array_equal(read_h5(Path("dog.h5"), "sound"), values)
assert np.array_equal(load_array(pickle.dumps(values), "dog.pkl"), values)  # runs no code of the pickle
with open_regular(Path("dog.npy")) as file:  # no folder, pipe or device
    assert file.read(6) == b"\x93NUMPY"
