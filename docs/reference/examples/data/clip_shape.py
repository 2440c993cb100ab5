"""refuse_unusable, fit_length, channels_last, looks_quantised"""

from pathlib import Path

import numpy as np

from codaar_core.api import DataError
from codaar_core.features import channels_last, fit_length, looks_quantised, refuse_unusable

values = np.zeros((8, 128), np.float32)
refuse_unusable(values, (128,), Path("dog.npy"))
try:
    refuse_unusable(values, (512,), Path("dog.npy"))
except DataError as error:
    assert "expected the shape (steps, 512)" in error.message

assert fit_length(values, 10).shape == (10, 128)  # the last row is repeated
assert channels_last(np.zeros((10, 512, 7, 7))).shape == (10, 7, 7, 512)
assert looks_quantised(np.array([[0.0, 128.0, 255.0]]))
