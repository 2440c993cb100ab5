"""agreed_extractor, refuse_other_values

What is stated about features, compared with the note that `codaar data extract` wrote beside them, and with their
values.
"""

from pathlib import Path

import numpy as np

from codaar_core.api import DataError
from codaar_core.features import agreed_extractor, refuse_other_values

Path("sounds").mkdir()
Path("sounds/extraction.toml").write_text('made_by = "vggish-relu"\n')
assert agreed_extractor(Path("sounds"), None, "made_by") == "vggish-relu"
try:
    agreed_extractor(Path("sounds"), "wav2vec", "made_by")
except DataError as error:
    assert "made_by is 'wav2vec'" in error.message

values = np.array([[0.5, -0.25]], np.float32)
refuse_other_values(values, "wav2vec", quantised=False, where="sounds/dog.npy")
try:
    refuse_other_values(values, "vggish-relu", quantised=False, where="sounds/dog.npy")
except DataError as error:
    assert "sounds/dog.npy: made_by is 'vggish-relu', which gives no negative values" in error.message
