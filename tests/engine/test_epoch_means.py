"""Epoch means and use of codewords: failed steps do not count, and saving and loading in between changes nothing."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from codaar_core.api import Quantized
from codaar_core.engine.devices.runtime import SingleProcess
from codaar_core.engine.training.codebook_update import codeword_counts
from codaar_core.engine.training.epoch_means import EpochMeans, EpochUsage

CPU = torch.device("cpu")
numbers = st.floats(-1e3, 1e3, width=32)


@given(st.lists(numbers, min_size=1, max_size=20), st.integers(0, 20))
def test_means_are_exact_wherever_the_state_was_saved(values, saved):
    means = EpochMeans()
    for step, value in enumerate(values):
        if step == saved:
            kept, means = means.state, EpochMeans()
            means.load({name: tensor.clone() for name, tensor in kept.items()}, CPU)
        means.add({"total": torch.tensor(value, dtype=torch.double)}, failed=torch.tensor(False))
    assert means.finish_epoch() == {"total": pytest.approx(sum(values) / len(values))}
    assert means.state == {}


def test_failed_steps_do_not_count():
    means = EpochMeans()
    for value, failed in ((1.0, False), (3.0, False), (torch.nan, True), (5.0, True)):
        means.add({"total": torch.tensor(value)}, torch.tensor(failed))
    assert means.finish_epoch() == {"total": 2.0}


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6), min_size=1, max_size=8), st.integers(0, 8))
def test_codewords_of_all_steps_are_counted_wherever_the_state_was_saved(steps, saved):
    epoch_usage = EpochUsage()
    for step, indices in enumerate(steps):
        if step == saved:
            kept, epoch_usage = epoch_usage.state, EpochUsage()
            epoch_usage.load({name: tensor.clone() for name, tensor in kept.items()}, CPU)
        codes = Quantized(torch.tensor([indices]), torch.zeros(1, len(indices), 1), torch.zeros(1, len(indices), 1))
        epoch_usage.add(codeword_counts({"a": codes}, 10, SingleProcess()), failed=torch.tensor(False))
    together = [index for indices in steps for index in indices]
    shares = [together.count(index) / len(together) for index in set(together)]
    values = epoch_usage.finish_epoch()
    assert values["epoch_used.a"] == len(set(together))
    assert values["epoch_perplexity.a"] == pytest.approx(math.exp(-sum(p * math.log(p) for p in shares)))
    assert epoch_usage.state == {}


def test_codewords_of_failed_and_masked_steps_do_not_count():
    epoch_usage = EpochUsage()
    for indices, failed in (([0, 1, 7], False), ([2, 3, 7], True), ([1, 4, 7], False)):
        mask = torch.tensor([[True, True, False]])
        codes = Quantized(torch.tensor([indices]), torch.zeros(1, 3, 1), torch.zeros(1, 3, 1), mask=mask)
        epoch_usage.add(codeword_counts({"a": codes}, 8, SingleProcess()), torch.tensor(failed))
    assert epoch_usage.finish_epoch()["epoch_used.a"] == 3
