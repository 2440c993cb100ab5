"""extract_features

With an extractor in a local file; those of plug-ins need weights:
"""

from pathlib import Path

import numpy as np

import codaar_core

Path("sizes.py").write_text(
    '''
import torch
from codaar_core.api import Extractor, Space


class Size(Extractor):
    """The size of a text file, as one step."""

    name = "size"
    suffixes = (".txt",)
    made_by = "size-in-bytes"
    output = Space((1,))

    def extract(self, source):
        return torch.tensor([[float(source.stat().st_size)]])
'''
)
Path("texts").mkdir()
Path("texts/dog.txt").write_text("bark")
extracted = codaar_core.extract_features("size", "texts", "features", plugins=["sizes.py"])
assert extracted.new == 1
assert np.load("features/dog.npy").tolist() == [[4]]
