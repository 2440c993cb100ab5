"""Parity tests: reference values of the released code, and one thread."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from codaar_core.testing.released_numbers import released_numbers  # noqa: F401

sys.path.insert(0, str(Path(__file__).parent))  # for the modules beside the tests


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """Use one thread: tensors here are too small for more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
