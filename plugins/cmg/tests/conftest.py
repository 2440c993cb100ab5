from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

SHARED = Path(os.environ.get("CODAAR_SHARED", Path(__file__).resolve().parents[4] / "shared"))


@pytest.fixture(scope="session")
def released() -> Callable[[str], dict[str, Tensor]]:
    """Reads one file of numbers of the released code."""

    def read(name: str) -> dict[str, Tensor]:
        path = SHARED / "vectors" / f"{name}.npz"
        if not path.is_file():
            pytest.skip(f"needs {path} (set CODAAR_SHARED)")
        with np.load(path, allow_pickle=False) as file:
            return {key: torch.from_numpy(file[key]) for key in file.files}

    return read
