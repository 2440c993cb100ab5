"""Numbers of the released code."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

REPOSITORY = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("CODAAR_SHARED", REPOSITORY.parent / "shared"))
FOLDERS = (SHARED / "vectors", REPOSITORY / "tests" / "data")


@pytest.fixture
def shared() -> Path:
    """Numbers and tables that do not come with the repository."""
    if not (SHARED / "vectors" / "text_collate.npz").is_file():
        pytest.skip(f"no released numbers in {SHARED} (set CODAAR_SHARED)")
    return SHARED


def find(file: str) -> Path:
    """Beside the checkout, or among those small enough to come with it."""
    for folder in FOLDERS:
        if (folder / f"{file}.npz").is_file():
            return folder / f"{file}.npz"
    pytest.skip(f"no released numbers {file} in {FOLDERS[0]} (set CODAAR_SHARED)")


class Released:
    """Weights, inputs, outputs and gradients of one released function; ``names`` maps our parameters to its."""

    def __init__(self, file: str) -> None:
        arrays = np.load(find(file), allow_pickle=False).items()
        self.numbers = {key: torch.from_numpy(value) for key, value in arrays if value.dtype.kind in "fi"}

    def __getitem__(self, key: str) -> Tensor:
        return self.numbers[key].clone()

    def load(self, module: nn.Module, names: Callable[[str], str]) -> None:
        module.load_state_dict({key: self[f"w_{names(key)}"] for key in module.state_dict()})

    def check(self, ours: Tensor, key: str) -> None:
        theirs = self[key]
        assert ours.shape == theirs.shape, key
        assert (ours - theirs).abs().max() <= 1e-10 * theirs.abs().max(), key

    def check_gradients(self, module: nn.Module, names: Callable[[str], str]) -> None:
        for name, parameter in module.named_parameters():
            self.check(parameter.grad, f"grad_{names(name)}")


@pytest.fixture
def released() -> type[Released]:
    return Released
