from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from codaar_plugin_ave.ave import Ave
from codaar_plugin_ave.classification import AveClassification
from codaar_plugin_ave.example_files import write_example

from codaar_core.api import BenchmarkContext, DataContext, Space
from codaar_core.testing.data_plugins import RandomFeatures
from codaar_core.testing.released_numbers import shared  # noqa: F401

SHAPES = {"audio": (4,), "video": (2, 2, 3)}
SPACES = {modality: Space(shape, 10) for modality, shape in SHAPES.items()}


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small folder of AVE: 12, 4 and 4 clips."""
    return write_example(tmp_path_factory.mktemp("ave"), shapes=SHAPES)


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """The same, to be damaged."""
    return Path(shutil.copytree(written, tmp_path / "ave"))


@pytest.fixture(scope="session")
def make_benchmark() -> Callable[..., AveClassification]:
    def make(root: Path | None, mode: str = "strict", modalities=("audio", "video"), **settings) -> AveClassification:
        config = AveClassification.Config(root=None if root is None else str(root), **settings)
        return AveClassification(config, BenchmarkContext(modalities, RandomFeatures(SPACES), mode))

    return make


@pytest.fixture(scope="session")
def make_data() -> Callable[..., Ave]:
    def make(root: Path | None, **settings) -> Ave:
        return Ave(Ave.Config(root=None if root is None else str(root), **settings), DataContext(("audio", "video")))

    return make


@pytest.fixture(scope="session")
def real(shared: Path) -> Path:  # noqa: F811
    """The released annotations, orders and labels of segments."""
    path = shared / "datasets" / "ave"
    if not path.is_dir():
        pytest.skip(f"AVE's annotations are not in {path}")
    return path
