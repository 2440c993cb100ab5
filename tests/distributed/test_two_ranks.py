"""Two processes with half of each batch do what one process with the whole batch does."""

from __future__ import annotations

import pytest
import torch
import torch.multiprocessing as multiprocessing
from distributed_steps import assert_close, one_of, take_steps

from codaar_core.engine.devices.runtime import SingleProcess
from codaar_core.engine.training.loss_scale import INITIAL_FACTOR

JOBS = {
    "an odd batch and a last one of a single clip": (11, 5, False),
    "masked steps": (11, 5, True),
    "readings other than the released ones": (
        *(8, 4, True),
        (
            'losses.reconstruction.reduction="sum"',
            'losses.commitment.reduction="sum"',
            'losses.cmcm.denominator="paper"',
            'losses.cmcm.shift="logsumexp"',
            'losses.cpc.normalise="targets"',
            'quantizer.counts="plain"',
            'quantizer.align_scope="sums"',
            'quantizer.reset_scope="sums"',
        ),
    ),
}
HALF = "loss scaling of float16"
JOBS_OF_RANKS = {**JOBS, HALF: (11, 5, True, (), "avt.toml", torch.float16)}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory):
    """What each of two processes got, by job."""
    folder = tmp_path_factory.mktemp("two")
    multiprocessing.spawn(one_of, (2, folder, list(JOBS_OF_RANKS.values())), nprocs=2)
    ranks = [torch.load(folder / f"rank-{rank}.pt") for rank in range(2)]
    return dict(zip(JOBS_OF_RANKS, zip(*ranks, strict=True), strict=True))


@pytest.mark.parametrize("job", JOBS)
def test_two_ranks_train_as_one(two, tmp_path, job):
    weights, logged = take_steps(SingleProcess(), tmp_path, *JOBS[job])
    assert int(weights["quantizer.idle"].max()) >= 0
    for ranks_weights, ranks_logged in two[job]:
        for name, expected in weights.items():
            assert_close(ranks_weights[name], expected, name)
        for ours, theirs in zip(ranks_logged, logged, strict=True):
            assert ours == {name: pytest.approx(value, rel=1e-10, abs=1e-13) for name, value in theirs.items()}


@pytest.mark.parametrize("job", JOBS_OF_RANKS)
def test_all_ranks_hold_the_same_bits(two, job):
    (first, _), (second, _) = two[job]
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_ranks_skip_the_same_steps(two):
    """A gradient that overflows on one rank only halves the loss scale of both."""
    (first, _), (second, _) = two[HALF]
    assert first["factor"] < INITIAL_FACTOR
    assert (first["factor"], first["good"]) == (second["factor"], second["good"])
