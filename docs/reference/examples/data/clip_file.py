"""read_array, read_h5, load_array"""

import pickle
from pathlib import Path

import h5py
import numpy as np

from codaar_core.features import load_array, read_array, read_h5

values = np.arange(6, dtype=np.float32).reshape(2, 3)
np.save("dog.npy", values)
with h5py.File("dog.h5", "w") as file:
    file["sound"] = values

assert np.array_equal(read_array(Path("dog.npy")), values)
assert np.array_equal(read_h5(Path("dog.h5"), "sound"), values)
assert np.array_equal(load_array(pickle.dumps(values), "dog.pkl"), values)  # runs no code of the pickle
