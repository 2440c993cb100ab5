from __future__ import annotations

import os
from importlib import util
from pathlib import Path

import numpy as np
import pytest
import torch
from codaar_plugin_ucf_vggsound.ucf_vggsound import UcfVggsound

from codaar_core.api import BenchmarkContext, Card, DataSource, Space
from codaar_core.features import RandomSplit


def load_small_copy():
    spec = util.spec_from_file_location("small_ucf_vggsound", Path(__file__).with_name("small_ucf_vggsound.py"))
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session", autouse=True)
def one_core():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared() -> Path:
    folder = Path(os.environ.get("CODAAR_SHARED", Path(__file__).resolve().parents[4] / "shared"))
    if not (folder / "datasets").is_dir():
        pytest.skip(f"needs the reference folder {folder} (set CODAAR_SHARED)")
    return folder


@pytest.fixture(scope="session")
def released_labels(shared):
    return np.load(shared / "vectors" / "labels.npz", allow_pickle=False)


@pytest.fixture(scope="session")
def small():
    return load_small_copy()


@pytest.fixture(scope="session")
def both(small, tmp_path_factory) -> Path:
    """To read; tests that damage something write their own."""
    return small.write_both(tmp_path_factory.mktemp("ucf-vggsound"))


class Pretraining(DataSource):
    """Random features of the right spaces."""

    card = Card("random", "CC0-1.0", "made while it runs")

    def __init__(self, channels: int) -> None:
        super().__init__(None, None)
        self.channels = channels

    @property
    def spaces(self):
        return {"audio": Space((128,), 10), "video": Space((7, 7, self.channels), 10), "text": Space((16,), 10)}

    def split(self, name):
        return self.synthetic(4, 0)

    def synthetic(self, clips, seed):
        return RandomSplit(self.spaces, clips, seed)


@pytest.fixture
def make(both):
    def benchmark(mode="strict", modalities=("audio", "video", "text"), channels=8, **settings):
        settings = {"root": str(both), **settings}
        return UcfVggsound(UcfVggsound.Config(**settings), BenchmarkContext(modalities, Pretraining(channels), mode))

    return benchmark
