"""Small copies of the data."""

from __future__ import annotations

from pathlib import Path

import pytest

from codaar_core.testing.data_plugins import module_beside

small_copies = module_beside(__file__, "small_copies")


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
