from __future__ import annotations

import os
from importlib import util
from pathlib import Path

import numpy as np
import pytest
import torch
from codaar_plugin_avsbench.avsbench_s4 import AvsbenchS4

from codaar_core.api import BenchmarkContext, Card, DataSource, Space
from codaar_core.features import RandomSplit

TEXT = 16  # width of the random BERT


def load_small_s4():
    spec = util.spec_from_file_location("small_s4", Path(__file__).with_name("small_s4.py"))
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session", autouse=True)
def one_core():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared() -> Path:
    folder = Path(os.environ.get("CODAAR_SHARED", Path(__file__).resolve().parents[4] / "shared"))
    if not folder.is_dir():
        pytest.skip(f"needs the reference folder {folder} (set CODAAR_SHARED)")
    return folder


@pytest.fixture(scope="session")
def released(shared):
    def numbers(file: str) -> dict[str, torch.Tensor]:
        arrays = np.load(shared / "vectors" / f"{file}.npz", allow_pickle=False)
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    return numbers


@pytest.fixture(scope="session")
def bert(tmp_path_factory) -> Path:
    return load_small_s4().write_bert(tmp_path_factory.mktemp("bert") / "tiny", TEXT)


@pytest.fixture(scope="session")
def s4(tmp_path_factory) -> Path:
    """To read; tests that damage something write their own."""
    return load_small_s4().write_s4(tmp_path_factory.mktemp("s4"))


@pytest.fixture
def own_s4(tmp_path) -> Path:
    return load_small_s4().write_s4(tmp_path / "s4", side=32, clips=2)


class Pretraining(DataSource):
    """Random features of the right spaces."""

    card = Card("random", "CC0-1.0", "made while it runs")

    @property
    def spaces(self):
        return {"audio": Space((128,), 10), "video": Space((7, 7, 8), 10), "text": Space((TEXT,), 10)}

    def split(self, name):
        return self.synthetic(4, 0)

    def synthetic(self, clips, seed):
        return RandomSplit(self.spaces, clips, seed)


@pytest.fixture(scope="session")
def pretraining() -> Pretraining:
    return Pretraining(Pretraining.Config(), None)


@pytest.fixture(scope="session")
def make_benchmark(s4, bert, pretraining):
    def make(mode: str = "strict", modalities=("audio", "video", "text"), **settings) -> AvsbenchS4:
        config = AvsbenchS4.Config(**{"root": str(s4), "bert": str(bert), "side": 64, **settings})
        return AvsbenchS4(config, BenchmarkContext(tuple(modalities), pretraining, mode))

    return make
