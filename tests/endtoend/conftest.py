"""A recipe small enough for a test: the shipped one with every size turned down."""

from __future__ import annotations

from collections.abc import Callable
from importlib import util
from pathlib import Path
from types import ModuleType

import pytest

import codaar_core

TINY = (
    "run.epochs=2",
    "run.log_every=1",
    "run.best='total'",
    "device.threads=1",
    "data.batch=16",
    "data.pretrain=40",
    "data.patches=8",
    "data.words=16",
    "data.classification=[40, 40]",
    "data.localization=[20, 20]",
    "data.retrieval=20",
    "quantizer.codes=32",
    "quantizer.dim=16",
    "encoders.video.channels=[4, 8]",
    "decoders.video.hidden=4",
    "evaluate.seeds=[1, 2]",
    "bench.classification.epochs=3",
    "bench.localization.epochs=3",
)


@pytest.fixture(scope="session")
def recipe(root: Path) -> Path:
    return root / "recipes" / "avt.toml"


@pytest.fixture(scope="session")
def module_at(root: Path) -> Callable[[str], ModuleType]:
    """Load a module that lies among the tests of a plug-in, by its path: what writes small copies of its data."""

    def load(path: str) -> ModuleType:
        spec = util.spec_from_file_location(Path(path).stem, root / path)
        module = util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def tiny(tmp_path: Path) -> tuple[str, ...]:
    """Overrides; the run directory lies in a folder of the test."""
    return (*TINY, f"run.directory={str(tmp_path / 'runs')!r}")


@pytest.fixture(scope="session")
def finished(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of an undisturbed run."""
    return codaar_core.run(recipe, overrides=(*TINY, f"run.directory={str(tmp_path_factory.mktemp('finished'))!r}"))
