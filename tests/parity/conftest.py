"""Numbers of the released code: beside the checkout, or those small enough to come with it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent))  # for the modules beside the tests

HERE = Path(__file__).resolve().parents[1] / "data"
SHARED = Path(os.environ.get("CODAAR_SHARED", Path(__file__).resolve().parents[3] / "shared"))


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """Tensors here are too small for more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def numbers() -> Callable[[str], dict[str, Tensor]]:
    """Reads one file of numbers; text in it is left out."""

    def read(name: str) -> dict[str, Tensor]:
        small = HERE / f"{name}.npz"
        beside = SHARED / "vectors" / small.name
        if not (beside.is_file() or small.is_file()):
            pytest.skip(f"needs {beside} (set CODAAR_SHARED)")
        with np.load(beside if beside.is_file() else small, allow_pickle=False) as file:
            return {key: torch.from_numpy(file[key]) for key in file.files if file[key].dtype.kind in "fiu"}

    return read
