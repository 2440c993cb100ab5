from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from codaar_plugin_avvp.ave_to_avvp import AveAvvp
from codaar_plugin_avvp.localization import AvvpLocalization

from codaar_core.api import BenchmarkContext, Space
from codaar_core.testing.data_plugins import RandomFeatures, module_beside, one_thread  # noqa: F401
from codaar_core.testing.released_numbers import released_numbers, shared  # noqa: F401

ALL = ("audio", "video", "text")
BENCHMARKS = {"avvp-localization": AvvpLocalization, "ave-avvp": AveAvvp}


@pytest.fixture(scope="session")
def small_llp():
    return module_beside(__file__, "small_llp")


@pytest.fixture(scope="session")
def llp(small_llp, tmp_path_factory) -> Path:
    """LLP, AVE and the tables of both, to read; tests that damage files write their own."""
    folder = tmp_path_factory.mktemp("llp")
    small_llp.write_llp(folder)
    small_llp.write_llp(folder, "AVE_AVVP", ("Dog", "Car", "Cat"))
    small_llp.write_ave(folder / "AVE", folder)
    return folder


@pytest.fixture
def make(llp):
    """Build one of the benchmarks, on the small copy unless settings say otherwise."""

    def benchmark(name="avvp-localization", mode="strict", modalities=ALL, channels=8, **settings):
        component = BENCHMARKS[name]
        settings = {"root": str(llp), **({"ave": str(llp / "AVE")} if name == "ave-avvp" else {}), **settings}
        spaces = {"audio": Space((128,), 10), "video": Space((7, 7, channels), 10), "text": Space((16,), 10)}
        return component(component.Config(**settings), BenchmarkContext(modalities, RandomFeatures(spaces), mode))

    return benchmark


@pytest.fixture
def make_ave_avvp(make):
    return partial(make, "ave-avvp")
