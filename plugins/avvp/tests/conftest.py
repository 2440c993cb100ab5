from __future__ import annotations

import os
from importlib import util
from pathlib import Path

import numpy as np
import pytest
import torch
from codaar_plugin_avvp.ave_to_avvp import AveAvvp
from codaar_plugin_avvp.localization import AvvpLocalization

from codaar_core.api import BenchmarkContext, Card, DataSource, Space
from codaar_core.features import RandomSplit


def load_small_llp():
    spec = util.spec_from_file_location("small_llp", Path(__file__).with_name("small_llp.py"))
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
def small_llp():
    return load_small_llp()


@pytest.fixture(scope="session")
def llp(small_llp, tmp_path_factory) -> Path:
    """LLP, AVE and the tables of both, to read; tests that damage something write their own."""
    folder = tmp_path_factory.mktemp("llp")
    small_llp.write_llp(folder)
    small_llp.write_llp(folder, "AVE_AVVP", ("Dog", "Car", "Cat"))
    small_llp.write_ave(folder / "AVE", folder)
    return folder


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


ALL = ("audio", "video", "text")
BENCHMARKS = {"avvp-localization": AvvpLocalization, "ave-avvp": AveAvvp}


@pytest.fixture
def make(llp):
    """Make one of the benchmarks, over the small copy unless settings say otherwise."""

    def benchmark(
        name="avvp-localization", mode="strict", modalities=("audio", "video", "text"), channels=8, **settings
    ):
        component = BENCHMARKS[name]
        settings = {"root": str(llp), **({"ave": str(llp / "AVE")} if name == "ave-avvp" else {}), **settings}
        context = BenchmarkContext(modalities, Pretraining(channels), mode)
        return component(component.Config(**settings), context)

    return benchmark
