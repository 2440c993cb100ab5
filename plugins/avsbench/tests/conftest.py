from __future__ import annotations

from pathlib import Path

import pytest
from codaar_plugin_avsbench.avsbench_s4 import AvsbenchS4

from codaar_core.api import BenchmarkContext, Space
from codaar_core.testing.data_plugins import RandomFeatures, module_beside, one_thread  # noqa: F401
from codaar_core.testing.released_numbers import released_numbers, shared  # noqa: F401

TEXT = 16  # width of the random BERT
SPACES = {"audio": Space((128,), 10), "video": Space((7, 7, 8), 10), "text": Space((TEXT,), 10)}

small_s4 = module_beside(__file__, "small_s4")


@pytest.fixture(scope="session")
def bert(tmp_path_factory) -> Path:
    return small_s4.write_bert(tmp_path_factory.mktemp("bert") / "tiny", TEXT)


@pytest.fixture(scope="session")
def s4(tmp_path_factory) -> Path:
    """To read; tests that damage files write their own."""
    return small_s4.write_s4(tmp_path_factory.mktemp("s4"))


@pytest.fixture
def own_s4(tmp_path) -> Path:
    return small_s4.write_s4(tmp_path / "s4", side=32, clips=2)


@pytest.fixture(scope="session")
def pretraining() -> RandomFeatures:
    return RandomFeatures(SPACES)


@pytest.fixture(scope="session")
def make_benchmark(s4, bert, pretraining):
    """Build the benchmark, on the small copy unless settings say otherwise."""

    def make(mode: str = "strict", modalities=("audio", "video", "text"), **settings) -> AvsbenchS4:
        config = AvsbenchS4.Config(**{"root": str(s4), "bert": str(bert), "side": 64, **settings})
        return AvsbenchS4(config, BenchmarkContext(tuple(modalities), pretraining, mode))

    return make
