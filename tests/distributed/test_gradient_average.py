"""Gradients that are sent in buckets during the backward pass are the means over all processes, whoever has them."""

from __future__ import annotations

import gradient_laws
import pytest
import torch
import torch.multiprocessing as multiprocessing
from gradient_laws import SCENARIOS, Branches, expected
from torch import Tensor

from codaar_core.api.ranks import SingleProcess
from codaar_core.engine.devices.gradient_average import GradientAverage

RANKS = 3


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory):
    """What each of three processes got, by scenario."""
    folder = tmp_path_factory.mktemp("ranks")
    multiprocessing.spawn(gradient_laws.one_of, (RANKS, folder), nprocs=RANKS)
    return [torch.load(folder / f"rank-{rank}.pt") for rank in range(RANKS)]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_gradients_are_the_means_of_the_ranks(ranks, scenario):
    wanted = [those_there(of_step) for of_step in expected(SCENARIOS[scenario], RANKS)]
    for of_rank in ranks:
        torch.testing.assert_close([those_there(of_step) for of_step in of_rank[scenario]], wanted)


def those_there(gradients: dict[str, Tensor | None]) -> dict[str, Tensor]:
    return {name: value for name, value in gradients.items() if value is not None}


def test_all_ranks_hold_the_same_bits(ranks):
    first, *others = ranks
    for name in SCENARIOS:
        for ours in others:
            for step, theirs in zip(ours[name], first[name], strict=True):
                assert those_there(step).keys() == those_there(theirs).keys()
                assert all(torch.equal(value, theirs[each]) for each, value in those_there(step).items())


def test_buckets_are_sent_before_the_backward_pass_has_ended(ranks):
    for of_rank in ranks:
        first, *others = steps(of_rank["trace"])
        before, after = first
        assert before == [] and len(after) > 3
        for during, at_the_end in others:
            assert len(at_the_end) == 1  # it contains the logged values
            assert [*during, *at_the_end] == after  # so a resumed run adds up in the same order
    assert ranks[0]["trace"] == ranks[1]["trace"] == ranks[2]["trace"]


def steps(trace: list) -> list[tuple[list[int], list[int]]]:
    """Sizes of the buckets before and after the end of the backward pass, by step."""
    found, sizes = [], []
    for event in trace:
        if event == "end of the backward pass":
            before, sizes = sizes, []
        elif event == "step":
            found.append((before, sizes))
            sizes = []
        else:
            sizes.append(event)
    return found


def test_a_gradient_that_changes_after_it_was_sent_is_an_error_on_all_ranks(ranks):
    for of_rank in ranks:
        message, help_text = of_rank["error"]
        assert message.startswith("the gradient of often.")
        assert "use_reentrant=False" in help_text


def test_codebooks_and_modules_that_join_the_ranks_can_gather_clips(ranks):
    """They are given the processes themselves, a loss those that have a part of the batch."""
    for of_rank in ranks:
        rows, large = of_rank["clips"]
        assert rows.tolist() == [[0.5] * 2, *[[1.5] * 2] * 2, *[[2.5] * 2] * 3]
        assert large.tolist() == [False, *[True] * 5]


def test_one_process_registers_and_sends_nothing():
    model = Branches()
    gradients = GradientAverage(model, SingleProcess())
    assert not any(each._post_accumulate_grad_hooks for each in model.parameters())
    loss = model.loss(torch.ones(2, gradient_laws.WIDTH), True, False)
    with gradients.sent_when_ready():
        loss.backward()
    own = {name: each.grad for name, each in model.named_parameters()}
    assert torch.equal(gradients.finish({"loss": loss}).values["loss"], loss)
    assert all(each.grad is own[name] for name, each in model.named_parameters())
