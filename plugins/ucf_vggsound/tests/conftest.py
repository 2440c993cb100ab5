from __future__ import annotations

from pathlib import Path

import pytest
from codaar_plugin_ucf_vggsound.ucf_vggsound import UcfVggsound

from codaar_core.api import BenchmarkContext, Space
from codaar_core.testing.data_plugins import RandomFeatures, module_beside, one_thread  # noqa: F401
from codaar_core.testing.released_numbers import released_numbers, shared  # noqa: F401


@pytest.fixture(scope="session")
def small():
    return module_beside(__file__, "small_ucf_vggsound")


@pytest.fixture(scope="session")
def both(small, tmp_path_factory) -> Path:
    """To read; tests that damage files write their own."""
    return small.write_both(tmp_path_factory.mktemp("ucf-vggsound"))


@pytest.fixture
def make(both):
    """Build the benchmark, on the small copy unless settings say otherwise."""

    def benchmark(mode="strict", modalities=("audio", "video", "text"), channels=8, **settings):
        spaces = {"audio": Space((128,), 10), "video": Space((7, 7, channels), 10), "text": Space((16,), 10)}
        config = UcfVggsound.Config(**{"root": str(both), **settings})
        return UcfVggsound(config, BenchmarkContext(modalities, RandomFeatures(spaces), mode))

    return benchmark
