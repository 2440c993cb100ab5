"""Every compared method trains on three processes as on one, with masks, uneven shares and ranks without a clip."""

from __future__ import annotations

import pytest
import torch
import torch.multiprocessing as multiprocessing
from distributed_steps import METHODS, RECIPES, assert_close, one_of, take_steps

from codaar_core.engine.devices.runtime import SingleProcess

CLIPS, BATCH = 11, 5  # the last batch has a single clip
RANKS = 3
BUCKET_BYTES = 1000  # many buckets of gradients
JOBS = {recipe: (CLIPS, BATCH, True, (), recipe) for recipe in METHODS}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory):
    """What one process got, by recipe."""
    return {recipe: take_steps(SingleProcess(), tmp_path_factory.mktemp("alone"), *job) for recipe, job in JOBS.items()}


def test_no_method_is_left_out():
    methods = {f"baselines/{path.name}" for path in (RECIPES / "baselines").glob("*.toml")}
    assert methods - {"baselines/sweep.toml"} <= METHODS.keys()


@pytest.mark.slow(seconds=60)
def test_every_method_trains_on_ranks_as_on_one(tmp_path, alone):
    multiprocessing.spawn(one_of, (RANKS, tmp_path, list(JOBS.values()), BUCKET_BYTES), nprocs=RANKS)
    ranks = [torch.load(tmp_path / f"rank-{rank}.pt") for rank in range(RANKS)]
    for recipe, *results in zip(JOBS, *ranks, strict=True):
        weights, logged = alone[recipe]
        for ranks_weights, ranks_logged in results:
            for name, expected in weights.items():
                assert_close(ranks_weights[name], expected, f"{recipe}: {name}")
            for ours, theirs in zip(ranks_logged, logged, strict=True):
                assert ours == {name: pytest.approx(value, rel=1e-9, abs=1e-12) for name, value in theirs.items()}
