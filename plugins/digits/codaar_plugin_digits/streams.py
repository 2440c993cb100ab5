"""Random streams by name: draws of one part of the data do not affect other parts."""

from __future__ import annotations

from zlib import crc32

import numpy as np


def stream(seed: int, *names: str) -> np.random.Generator:
    """Give the generator of ``names`` under ``seed``; other names or another seed give independent draws."""
    return np.random.default_rng(np.random.SeedSequence([seed, *(crc32(name.encode()) for name in names)]))
