"""step_means

An extractor whose network computes the inputs of several recordings at a time, see `Extractor.extract_each`:
"""

import torch

from codaar_core.api import DataError
from codaar_core.nn import step_means


def read(name):
    if name == "broken":
        raise DataError("broken cannot be read")
    for second in range(len(name)):
        for frame in range(2):
            yield second, torch.tensor([float(second), float(frame)])


sizes = []


def compute(inputs):
    sizes.append(len(inputs))
    return inputs * 10


first, broken, last = step_means(["abc", "broken", "a"], read, compute, batch=3)
assert first.tolist() == [[0, 5], [10, 5], [20, 5]]  # the mean of both frames of each second
assert broken.message == "broken cannot be read"
assert last.tolist() == [[0, 5]] and sizes == [3, 3, 2]
