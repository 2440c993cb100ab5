"""A toy model, its codes, and files of random codes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from toy_run import toy_plan

import codaar_core
from codaar_core.engine import run
from codaar_core.engine.trained_model import TrainedModel

WriteCodes = Callable[..., Path]


@pytest.fixture(scope="package")
def toy(tmp_path_factory) -> Path:
    return run(toy_plan(tmp_path_factory.mktemp("toy"), "run.epochs=1", "bench.toy.epochs=1", "evaluate.seeds=[1]"))


@pytest.fixture(scope="package")
def model(toy) -> TrainedModel:
    return codaar_core.open_model(toy)


@pytest.fixture(scope="package")
def codes(toy, tmp_path_factory) -> Path:
    """The codes of the 40 clips of pretraining."""
    folder = tmp_path_factory.mktemp("codes")
    codaar_core.encode(toy, folder / "codes.h5", device="cpu")
    return folder / "codes.h5"


@pytest.fixture
def write_codes(model, tmp_path) -> WriteCodes:
    """Writes random codes of clips of several lengths."""

    def write(name: str, clips: int, seed: int, steps: int = 9, ids: list[str] | None = None, used: int = 0) -> Path:
        draw, size = np.random.default_rng(seed), model.model.quantizer.size
        with h5py.File(tmp_path / name, "w") as file:
            file.attrs.update({"codaar_codes": 1, "model": "toy", "seconds": 0.5})
            for modality in ("north", "east"):
                group = file.create_group(modality)
                group.attrs.update({"clips": "random", "codewords": size, "whole_clips": False})
                mask = np.arange(steps) < draw.integers(0, steps + 1, (clips, 1))
                group["ids"] = ids or [f"clip{seed}-{clip}" for clip in range(clips)]
                group["indices"] = np.where(mask, draw.integers(0, used or size, (clips, steps)), 0).astype(np.int32)
                group["mask"] = mask
                group["times"] = np.arange(steps) * 0.5
        return tmp_path / name

    return write
