"""Large tensors on the CPU go back to the system when they are freed."""

from __future__ import annotations

import ctypes
import os
import sys

LARGE = 2**24  # bytes: fewer are not worth the pages that the system must clear each time
MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of malloc.h


def return_large_blocks() -> bool:
    """Have glibc take every large block from the system and give it back; says whether it does.

    By itself it soon keeps freed blocks of up to 32 MB, between which there is no room for larger ones: a training step
    of the paper's size then holds 0.1 GB more. Whoever sets MALLOC_MMAP_THRESHOLD_ knows better.
    """
    if not sys.platform.startswith("linux") or "MALLOC_MMAP_THRESHOLD_" in os.environ:
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    return mallopt is not None and bool(mallopt(MMAP_THRESHOLD, LARGE))
