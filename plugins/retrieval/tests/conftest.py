"""Small copies of the data."""

from __future__ import annotations

from importlib import util
from pathlib import Path

import pytest

_spec = util.spec_from_file_location("small_copies", Path(__file__).with_name("small_copies.py"))
small_copies = util.module_from_spec(_spec)
_spec.loader.exec_module(small_copies)


@pytest.fixture(scope="session")
def bert(tmp_path_factory) -> Path:
    """A random BERT."""
    pytest.importorskip("transformers")
    pytest.importorskip("h5py")
    return small_copies.write_bert(tmp_path_factory.mktemp("retrieval") / "bert", width=8)


@pytest.fixture
def coco(tmp_path) -> Path:
    """Four pictures of 5, 6, 5 and 7 captions."""
    return small_copies.write_coco(tmp_path)


@pytest.fixture
def clotho(tmp_path) -> Path:
    """Three recordings of different lengths."""
    return small_copies.write_clotho(tmp_path)
